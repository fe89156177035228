#pragma once
// train/commands/eval_set_options.h -- the set that a measurement of pictures and captions is made on: --data, --protocol, --limit.

#include <CLI/CLI.hpp>

#include "eval/eval_config.h"

namespace longclip {

struct EvalSetOptions {
  std::string data, protocol;
  std::optional<int64_t> limit;
};

void add_eval_set_options(CLI::App& command, EvalSetOptions& options);

/// The set, with all its captions of both kinds. Throws ConfigError naming the spec and the key.
RetrievalConfig set_of(const EvalSetOptions& options);

}  // namespace longclip
