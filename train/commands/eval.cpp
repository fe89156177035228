// train/commands/eval.cpp -- longclip eval: what a checkpoint is measured by, one subcommand each.
#include <CLI/CLI.hpp>

#include "train/commands/commands.h"

namespace longclip {

void add_eval_command(CLI::App& app, Run& run) {
  CLI::App* eval = app.add_subcommand("eval", "Measure a checkpoint by a named protocol");
  eval->require_subcommand(1);
  for (const AddCommand add : {add_eval_retrieval_command, add_eval_zeroshot_command, add_eval_himo_command}) add(*eval, run);
}

}  // namespace longclip
