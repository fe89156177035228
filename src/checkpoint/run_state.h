#pragma once
// checkpoint/run_state.h -- all that a run carries from step to step besides weights and moments (state.json).

#include <cstdint>
#include <string>

#include "base/json.h"

namespace longclip {

struct RunState {
  int64_t step = 0;         ///< completed optimizer steps, skipped ones included
  int64_t epoch = 0;        ///< of the last step, from 0
  int64_t loader_shift = 0;  ///< step of the data order = step + loader_shift; not 0 after data.changed: next_epoch
  int64_t skipped_steps = 0;         ///< in all
  int64_t skipped_steps_in_a_row = 0;
  int64_t bad_samples = 0;  ///< lines of bad_samples.jsonl that belong to the steps done
  int64_t seed = 0;         ///< every random choice is a function of it, the epoch and the row: there is no other rng state
  int64_t data_rows = 0;    ///< fingerprint of the data
  std::string data_content;
  std::string best_metric;  ///< checkpoint.keep_best when best_step was found
  int64_t best_step = 0;    ///< of the highest value so far; 0: none
  double best_value = 0;
  double loss_scale = 65536;        ///< of fp16: factor on the loss, and good steps since it changed
  int64_t loss_scale_good_steps = 0;
  std::string config_hash;
  std::string program_version;

  bool operator==(const RunState&) const = default;
};

Json to_json(const RunState& state);
/// Throws DataError "WHERE: ..." for a missing or ill-typed key.
RunState run_state_from_json(const Json& json, const std::string& where);

}  // namespace longclip
