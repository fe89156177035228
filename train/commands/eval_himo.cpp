// train/commands/eval_himo.cpp -- longclip eval himo CKPT --data SPEC: does a picture's score rise as its caption grows?
#include <CLI/CLI.hpp>

#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/commands/eval_ranks.h"
#include "train/commands/eval_set_options.h"
#include "train/commands/model_options.h"
#include "train/himo_evaluation.h"

namespace longclip {
namespace {

struct HimoCommand {
  ModelOptions model;
  EvalSetOptions set;
  std::vector<int64_t> ks = {2, 3, 4, 5};
  std::string out;
  bool given = false, json = false, overwrite = false;
};

void report(const HimoCommand& command, const std::vector<HimoResult>& results) {
  const std::string json = Json{{"himo", to_json(results)}}.dump(2) + "\n";
  if (!command.out.empty()) write_file_atomically(command.out, json);
  std::cout << (command.json ? json : to_table(results)) << std::flush;
}

int eval_himo(const HimoCommand& command) {
  if (!command.out.empty()) check_may_write(command.out, command.overwrite);
  HimoJob job{.set = set_of(command.set), .ks = command.given ? std::vector<int64_t>{} : command.ks};
  return eval_on_ranks(command.model, [&](const Clip& model, const EncodeOptions& encode, Communicator& comm) {
    job.encode = encode;
    const std::vector<HimoResult> results = evaluate_himo(model, job, comm);
    if (comm.rank() == 0) report(command, results);
  });
}

}  // namespace

void add_eval_himo_command(CLI::App& eval, Run& run) {
  auto options = std::make_shared<HimoCommand>();
  CLI::App* command = eval.add_subcommand("himo", "HiMo@K: does a picture's score rise as its caption grows?");
  add_model_options(*command, options->model);
  add_eval_set_options(*command, options->set);
  CLI::Option* ks = command->add_option("--k", options->ks, "Cut each caption into K beginnings of 1/K, 2/K, ... of its sentences")
                        ->delimiter(',')
                        ->check(CLI::Range(int64_t{2}, int64_t{1000}))
                        ->capture_default_str();
  command->add_flag("--given", options->given, "The captions of a row are its growing subtexts already, as in HiMo-Docci")->excludes(ks);
  command->add_option("--out", options->out, "Write the numbers as JSON into this file too");
  command->add_flag("--json", options->json, "Print JSON instead of a table");
  command->add_flag("--overwrite", options->overwrite, "Replace the output if it exists");
  command->footer(
      "K = 2 and 3: share of captions whose score rises at every step; larger K: mean correlation of score and place.\n"
      "Example:\n  longclip eval himo runs/coco-long --protocol urban1k --data datasets/Urban1k --k 2,3");
  command->callback([options, &run] { run = [options] { return eval_himo(*options); }; });
}

}  // namespace longclip
