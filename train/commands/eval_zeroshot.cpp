// train/commands/eval_zeroshot.cpp -- longclip eval zeroshot CKPT --data FOLDER: accuracy of a checkpoint on labelled pictures.
#include <CLI/CLI.hpp>

#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/commands/eval_ranks.h"
#include "train/commands/model_options.h"
#include "train/zero_shot_evaluation.h"

namespace longclip {
namespace {

struct ZeroShotCommand {
  ModelOptions model;
  PictureOptions pictures;
  ZeroShotConfig set;
  std::string templates = "imagenet80", out;
  bool json = false, overwrite = false;
};

/// A published list by its name; anything else is a file.
void choose_templates(const std::string& given, ZeroShotConfig& set) {
  for (const auto& [key, name] : EnumNames<PromptTemplates>::kNames) {
    if (name == given) {
      set.templates = key;
      return;
    }
  }
  require<InputError>(std::filesystem::exists(given), "--templates {}: neither imagenet80, cifar18 or simple, nor a file", given);
  set.templates_file = given;
}

std::vector<std::string> first_names(const ZeroShotSet& set) {
  std::vector<std::string> names;
  for (const auto& all : set.names) names.push_back(all.front());
  return names;
}

void report(const ZeroShotCommand& command, const ZeroShotSet& set, const ZeroShotScores& scores) {
  Json json = to_json(scores, first_names(set));
  json["templates"] = command.templates;
  json["left_out"] = std::ssize(set.folders.pictures) - scores.pictures;
  const std::string text = json.dump(2) + "\n";
  if (!command.out.empty()) write_file_atomically(command.out, text);
  std::cout << (command.json ? text : to_table(scores)) << std::flush;
}

int eval_zeroshot(ZeroShotCommand command) {
  if (!command.out.empty()) check_may_write(command.out, command.overwrite);
  choose_templates(command.templates, command.set);
  const ZeroShotSet set = load_zero_shot_set(command.set);
  return eval_on_ranks(command.model, [&](const Clip& model, EncodeOptions encode, Communicator& comm) {
    command.pictures.apply_to(encode);
    if (comm.rank() == 0) {
      log_info("{}: {} pictures of {} classes; {} templates ({})", command.set.path.string(), set.folders.pictures.size(), set.names.size(),
               set.templates.size(), command.templates);
    }
    const ZeroShotScores scores = evaluate_zero_shot(model, set, encode, comm);
    if (comm.rank() == 0) report(command, set, scores);
  });
}

}  // namespace

void add_eval_zeroshot_command(CLI::App& eval, Run& run) {
  auto options = std::make_shared<ZeroShotCommand>();
  CLI::App* command = eval.add_subcommand("zeroshot", "Top-1 and top-5 accuracy: a picture belongs to the class whose prompts it is nearest to");
  add_model_options(*command, options->model);
  command->add_option("--data", options->set.path, "Folder that holds one folder of pictures for each class (ImageNet, CIFAR)")->required();
  command->add_option("--classes", options->set.classes,
                      "Names of the classes: one a line, in the order of the folders, or .json: a list, or an object from folder to name or names "
                      "[what the folders are called; CLIP's names for folders like n01440764]");
  command
      ->add_option("--templates", options->templates,
                   "imagenet80, cifar18 (both OpenAI CLIP's), simple ('a photo of a {}.'), or a file: one a line, {} where the class goes")
      ->capture_default_str();
  command->add_option("--pictures-per-class", options->set.pictures_per_class, "Only the first N pictures of each class")
      ->check(CLI::Range(int64_t{1}, INT64_MAX));
  add_picture_options(*command, options->pictures);
  command->add_option("--out", options->out, "Write the numbers, also those of each class, as JSON into this file");
  command->add_flag("--json", options->json, "Print JSON instead of a table");
  command->add_flag("--overwrite", options->overwrite, "Replace the output if it exists");
  command->footer(
      "A class is the mean of its prompts. Scores closer than 1e-6 count as equal: the class that comes first wins.\n"
      "Example:\n  longclip eval zeroshot runs/coco-long --data imagenet/val --out imagenet.json\n"
      "  longclip eval zeroshot runs/coco-long --data cifar10/test --templates cifar18\n"
      "Several ranks:\n  longclip launch --nproc 2 -- eval zeroshot runs/coco-long --data imagenet/val");
  command->callback([options, &run] { run = [options] { return eval_zeroshot(*options); }; });
}

}  // namespace longclip
