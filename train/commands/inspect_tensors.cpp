// train/commands/inspect_tensors.cpp -- a checkpoint or any file of tensors: names, shapes, hashes, norms.
#include <ATen/ops/linalg_vector_norm.h>

#include <iostream>
#include <map>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/signals.h"
#include "model/checkpoint_source.h"
#include "model/clip_file.h"
#include "model/position_state.h"
#include "tensors/shape.h"
#include "train/commands/inspect.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr int64_t kShownValues = 16;

/// PyTorch's names of types.
std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat: return "float32";
    case at::kDouble: return "float64";
    case at::kHalf: return "float16";
    case at::kBFloat16: return "bfloat16";
    case at::kLong: return "int64";
    case at::kInt: return "int32";
    case at::kShort: return "int16";
    case at::kChar: return "int8";
    case at::kByte: return "uint8";
    case at::kBool: return "bool";
    default: return c10::toString(dtype);
  }
}

double norm_of(const at::Tensor& tensor) { return at::linalg_vector_norm(tensor.to(at::kDouble)).item<double>(); }

Json describe(const at::Tensor& tensor) {
  const at::Tensor hashed = (tensor.is_floating_point() ? tensor.to(at::kFloat) : tensor).contiguous();
  Json values = Json::array();
  const at::Tensor flat = tensor.flatten();
  for (int64_t i = 0; i < std::min(flat.numel(), kShownValues); ++i) {
    tensor.is_floating_point() ? values.push_back(flat[i].item<double>()) : values.push_back(flat[i].item<int64_t>());
  }
  Json json = {{"dtype", dtype_name(tensor.scalar_type())}, {"shape", Json::array()}};
  for (const int64_t size : tensor.sizes()) json["shape"].push_back(size);
  json["sha256"] = sha256_hex({static_cast<const uint8_t*>(hashed.const_data_ptr()), hashed.nbytes()});
  json["norm"] = norm_of(tensor);
  json["values"] = std::move(values);
  return json;
}

Json describe(const TensorMap& tensors) {
  Json::object_t json;  // behind one another: Json's operator[] looks at every name before
  for (const auto& [name, tensor] : tensors) {
    throw_if_stop_requested();
    json.emplace_back(name, describe(tensor));
  }
  return json;
}

int64_t count_elements(const TensorMap& tensors) {
  int64_t count = 0;
  for (const auto& [name, tensor] : tensors) count += tensor.numel();
  return count;
}

/// Tensors by type, as the file stores them.
Json count_dtypes(const TensorMap& tensors) {
  std::map<std::string, int64_t> counts;
  for (const auto& [name, tensor] : tensors) ++counts[dtype_name(tensor.scalar_type())];
  return counts;
}

const char* word_of(PositionState::Kind kind) {
  switch (kind) {
    case PositionState::Kind::kNotStretched: return "not stretched";
    case PositionState::Kind::kNotTrained: return "stretched, not trained";
    case PositionState::Kind::kPartlyTrained: return "stretched, trained in part";
    case PositionState::Kind::kTrained: return "stretched and trained";
    case PositionState::Kind::kUnknown: break;
  }
  return "unknown";
}

Json describe(const PositionState& state, int64_t rows) {
  Json json{{"rows", rows}, {"state", word_of(state.kind)}};
  if (!state.stretch) return json;
  json["keep"] = state.stretch->keep;
  json["ratio"] = nullptr;
  if (state.stretch->ratio) json["ratio"] = *state.stretch->ratio;
  json["source_length"] = state.stretch->source_length;
  if (state.kind == PositionState::Kind::kPartlyTrained) json["last_trained_row"] = state.last_moved;
  return json;
}

/// What the table is, in a sentence. `stated`: the file itself says that it was stretched.
std::string positions_text(const PositionState& state, int64_t rows, bool stated) {
  const std::string known = fmt::format("{} text positions, {}", rows, word_of(state.kind));
  switch (state.kind) {
    case PositionState::Kind::kNotStretched: return known;
    case PositionState::Kind::kNotTrained:
      if (stated)
        return fmt::format("{}: rows {} and on are what stretching {} positions makes", known, state.stretch->keep,
                           state.stretch->source_length);
      return fmt::format(
          "{}: rows {} and on are what stretching {} positions makes. If this model was fine-tuned, its trained "
          "rows (positional_embedding_res) were dropped by the program that converted it",
          known, state.stretch->keep, state.stretch->source_length);
    case PositionState::Kind::kPartlyTrained:
      return fmt::format("{}: the rows behind {} are as stretching left them; no caption of the training was longer",
                         known, state.last_moved);
    case PositionState::Kind::kTrained:
      if (!stated)
        return fmt::format("{} text positions; rows {} and on are not what stretching {} positions makes: trained",
                           rows, state.stretch->keep, state.stretch->source_length);
      return fmt::format("{}, from {}; the first {} stay as they are", known, state.stretch->source_length,
                         state.stretch->keep);
    case PositionState::Kind::kUnknown: break;
  }
  return fmt::format("{} text positions; whether they were stretched and trained does not show", rows);
}

template <class Weights> Json describe_weights(const Weights& weights, const char* kind) {
  const at::Tensor& table = weights.tensors.at("positional_embedding");
  const PositionState state = position_state(table, weights.architecture.stretch);
  return {{"kind", kind},
          {"format", weights.source_format},
          {"architecture", to_json(weights.architecture)},
          {"positions", positions_text(state, table.size(0), weights.architecture.stretch.has_value())},
          {"position_table", describe(state, table.size(0))},
          {"parameters", count_elements(weights.tensors)},
          {"notes", weights.notes},
          {"tensors", describe(weights.tensors)}};
}

Json describe(const AnyWeights& weights) {
  if (const auto* clip = std::get_if<ClipWeights>(&weights)) return describe_weights(*clip, "checkpoint");
  return describe_weights(std::get<TextEncoderWeights>(weights), "text encoder");
}

/// One line a tensor. Names come from strangers: they are escaped, so that they cannot steer the terminal.
std::string table_of(const Json& tensors) {
  std::string table;
  for (const auto& [name, tensor] : tensors.items()) {
    table += fmt::format("  {:<58} {:<9} {:<18} norm {:.6g}\n", to_json_line(name), tensor["dtype"].get<std::string>(),
                         tensor["shape"].dump(), tensor["norm"].get<double>());
  }
  return table;
}

void print(const InspectOptions& options, const Json& json) {
  if (options.json) {
    std::cout << to_json_line(json) << std::endl;
    return;
  }
  for (const auto& [key, value] : json.items()) {
    if (key != "tensors")
      std::cout << fmt::format("{:<18}{}\n", key, value.is_string() ? value.get<std::string>() : to_json_line(value));
  }
  std::cout << table_of(json.at("tensors")) << std::flush;
}

}  // namespace

void inspect_tensors(const InspectOptions& options) {
  const fs::path path = options.path;
  std::string reason;
  try {
    const Json stored = count_dtypes(read_tensors(find_checkpoint(path), {.values = false}).tensors);
    Json json = describe(read_checkpoint(path, options.hints));
    json["stored_types"] = stored;
    return print(options, json);
  } catch (const DataError& error) {
    if (fs::is_directory(path)) throw;
    reason = error.what();
  }
  const TensorFile raw = read_tensors(CheckpointSource{.file = path, .where = path.string()}, {});
  print(options, {{"kind", "tensors"},
                  {"format", raw.format},
                  {"not_a_checkpoint", reason},
                  {"elements", count_elements(raw.tensors)},
                  {"ignored", raw.ignored},
                  {"metadata", raw.metadata},
                  {"tensors", describe(raw.tensors)}});
}

}  // namespace longclip
