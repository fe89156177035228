// checkpoint/run_state.cpp -- state.json from one list of fields.
#include "checkpoint/run_state.h"

#include "base/error.h"

namespace longclip {
namespace {

template <class State, class Visitor>
void visit_fields(State& state, Visitor&& visit) {
  visit("step", state.step);
  visit("epoch", state.epoch);
  visit("loader_shift", state.loader_shift);
  visit("skipped_steps", state.skipped_steps);
  visit("skipped_steps_in_a_row", state.skipped_steps_in_a_row);
  visit("bad_samples", state.bad_samples);
  visit("seed", state.seed);
  visit("data_rows", state.data_rows);
  visit("data_content", state.data_content);
  visit("best_metric", state.best_metric);
  visit("best_step", state.best_step);
  visit("best_value", state.best_value);
  visit("loss_scale", state.loss_scale);
  visit("loss_scale_good_steps", state.loss_scale_good_steps);
  visit("config_hash", state.config_hash);
  visit("program_version", state.program_version);
}

}  // namespace

Json to_json(const RunState& state) {
  Json json;
  visit_fields(state, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}

RunState run_state_from_json(const Json& json, const std::string& where) {
  RunState state;
  visit_fields(state, [&]<class T>(const char* name, T& value) {
    const std::string_view key = name;
    const bool newer = key.starts_with("best_") || key.starts_with("loss_scale");  // than the first checkpoints
    if (newer && json.is_object() && !json.contains(name)) return;
    require<DataError>(json.is_object() && json.contains(name), "{}: '{}' is missing", where, name);
    const Json& member = json.at(name);
    const bool fits = std::is_same_v<T, std::string> ? member.is_string()
                      : std::is_same_v<T, double>    ? member.is_number()
                                                     : member.is_number_integer();
    require<DataError>(fits, "{}: '{}' has the wrong type", where, name);
    value = member.get<T>();
  });
  return state;
}

}  // namespace longclip
