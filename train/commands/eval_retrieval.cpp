// train/commands/eval_retrieval.cpp -- longclip eval retrieval CKPT --data SPEC: recalls of a checkpoint on one data set.
#include <CLI/CLI.hpp>

#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/commands/model_options.h"
#include "train/retrieval_evaluation.h"
#include "train/source_spec.h"

namespace longclip {
namespace {

struct RetrievalCommand {
  ModelOptions model;
  std::string data, out;
  RetrievalCaptions captions = RetrievalCaptions::kLong;
  std::optional<int64_t> limit;
  bool json = false, overwrite = false;
};

/// {"long": {...}, "short": {...}} where both were asked for, else the scores alone.
Json to_json(const ScoresByCaptions& scores) {
  if (scores.size() == 1) return to_json(scores.begin()->second);
  Json json;
  for (const auto& [captions, recalls] : scores) json[captions] = to_json(recalls);
  return json;
}

std::string to_table(const ScoresByCaptions& scores) {
  std::string table;
  for (const auto& [captions, recalls] : scores) {
    table += fmt::format("{} captions\n{}", captions, to_table(recalls));
  }
  return table;
}

RetrievalConfig set_of(const RetrievalCommand& command) {
  RetrievalConfig set;
  static_cast<SourceConfig&>(set) = parse_source_spec(command.data);
  set.captions = command.captions;
  if (command.limit) set.limit = command.limit;
  return set;
}

int eval_retrieval(const RetrievalCommand& command) {
  if (!command.out.empty()) check_may_write(command.out, command.overwrite);
  const RetrievalConfig set = set_of(command);
  const Clip model = load_model(command.model);
  Communicator alone = Communicator::connect(LaunchInfo{}, {}, model.device());
  const ScoresByCaptions scores = evaluate_retrieval(model, set, encode_options(command.model), /*bad_lines_allowed=*/false, alone);
  const std::string json = to_json(scores).dump(2) + "\n";
  if (!command.out.empty()) write_file_atomically(command.out, json);
  std::cout << (command.json ? json : to_table(scores)) << std::flush;
  return kExitDone;
}

}  // namespace

void add_eval_retrieval_command(CLI::App& eval, Run& run) {
  auto options = std::make_shared<RetrievalCommand>();
  CLI::App* command =
      eval.add_subcommand("retrieval", "R@1, R@5, R@10: pictures find their captions and captions their picture");
  add_model_options(*command, options->model);
  command
      ->add_option("--data", options->data,
                   "FORMAT:PATH[,images=DIR][,split=NAME][,skip=N][,limit=N], or '{format: FORMAT, path: PATH, ...}'; a row that cannot be "
                   "used is an error")
      ->required();
  add_enum_option(*command, "--captions", options->captions,
                  "Captions that are searched with; both: one after the other");
  command->add_option("--limit", options->limit, "Only the first N rows")->check(CLI::Range(int64_t{1}, INT64_MAX));
  command->add_option("--out", options->out, "Write the numbers as JSON into this file too");
  command->add_flag("--json", options->json, "Print JSON instead of a table");
  command->add_flag("--overwrite", options->overwrite, "Replace the output if it exists");
  command->footer(
      "Scores closer than 1e-6 count as equal: the lower index comes first.\n"
      "Example:\n  longclip eval retrieval runs/coco-long --data triples:val.jsonl,images=photos --captions both");
  command->callback([options, &run] { run = [options] { return eval_retrieval(*options); }; });
}

}  // namespace longclip
