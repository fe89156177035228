// train/commands/eval_retrieval.cpp -- longclip eval retrieval CKPT --data SPEC: recalls of a checkpoint on one data set, on one
// process or on several ranks.
#include <CLI/CLI.hpp>

#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/commands/eval_ranks.h"
#include "train/commands/eval_set_options.h"
#include "train/commands/model_options.h"
#include "train/retrieval_report.h"

namespace longclip {
namespace {

struct RetrievalCommand {
  ModelOptions model;
  EvalSetOptions set;
  DecodeOptions decode;
  std::string out, ranks_out;
  RetrievalCaptions captions = RetrievalCaptions::kLong;
  std::vector<int64_t> max_tokens;
  int64_t num_best = 10;
  bool json = false, overwrite = false;
};

void report(const RetrievalCommand& command, const ScoresByCaptions& scores) {
  Json json = to_json(scores);
  if (!command.set.protocol.empty()) json["protocol"] = command.set.protocol;
  const std::string text = json.dump(2) + "\n";
  if (!command.out.empty()) write_file_atomically(command.out, text);
  if (!command.ranks_out.empty()) write_file_atomically(command.ranks_out, ranks_to_lines(scores));
  std::cout << (command.json ? text : to_table(scores)) << std::flush;
}

int eval_retrieval(const RetrievalCommand& command) {
  for (const std::string& file : {command.out, command.ranks_out}) {
    if (!file.empty()) check_may_write(file, command.overwrite);
  }
  RetrievalJob job{.set = set_of(command.set), .max_tokens = command.max_tokens};
  job.set.captions = command.captions;
  if (!command.ranks_out.empty()) job.num_best = command.num_best;
  return eval_on_ranks(command.model, [&](const Clip& model, const EncodeOptions& encode, Communicator& comm) {
    job.encode = encode;
    job.encode.decode = command.decode;
    const ScoresByCaptions scores = evaluate_retrieval(model, job, comm);
    if (comm.rank() == 0) report(command, scores);
  });
}

}  // namespace

void add_eval_retrieval_command(CLI::App& eval, Run& run) {
  auto options = std::make_shared<RetrievalCommand>();
  CLI::App* command = eval.add_subcommand("retrieval", "R@1, R@5, R@10: pictures find their captions and captions their picture");
  add_model_options(*command, options->model);
  add_eval_set_options(*command, options->set);
  add_enum_option(*command, "--captions", options->captions, "Captions that are searched with; both: one after the other");
  command->get_option("--captions")->excludes("--protocol");
  command
      ->add_option("--max-tokens", options->max_tokens,
                   "Measure also with every caption cut to N tokens, start and end counted: 20,40,60,... gives the effective length")
      ->delimiter(',');
  add_decode_options(*command, options->decode);
  command->add_option("--out", options->out, "Write the numbers as JSON into this file too");
  command->add_option("--ranks-out", options->ranks_out, "FILE.jsonl: of every query its rank and the best candidates");
  command->add_option("--best", options->num_best, "How many candidates --ranks-out names for each query")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON instead of a table");
  command->add_flag("--overwrite", options->overwrite, "Replace the output if it exists");
  command->footer(
      "Scores closer than 1e-6 count as equal: the lower index comes first.\n"
      "Examples:\n  longclip eval retrieval runs/coco-long --data triples:val.jsonl,images=photos --captions both\n"
      "  longclip eval retrieval runs/coco-long --protocol urban1k --data datasets/Urban1k --max-tokens 20,40,60,77,120,248\n"
      "Several ranks:\n  longclip launch --nproc 2 -- eval retrieval runs/coco-long --protocol coco5k --data datasets/coco");
  command->callback([options, &run] { run = [options] { return eval_retrieval(*options); }; });
}

}  // namespace longclip
