// train/commands/read_hints_options.cpp -- see train/commands/read_hints_options.h
#include "train/commands/read_hints_options.h"

#include "model/model_config.h"

namespace longclip {

void add_hint_options(CLI::App& command, ReadHints& hints) {
  const std::string group = "Checkpoints that do not say what they are";
  std::vector<std::string> words;
  for (const auto& [key, word] : EnumNames<Activation>::kNames) words.emplace_back(word);
  const auto take = [&hints](const std::string& given) {
    for (const auto& [key, word] : EnumNames<Activation>::kNames) {
      if (word == given) hints.architecture.hidden_act = key;
    }
  };
  command
      .add_option_function<std::string>("--hidden-act", take,
                                        "quick_gelu (OpenAI, MetaCLIP, DFN) or gelu (LAION), where no config states it")
      ->check(CLI::IsMember(words))
      ->group(group);
  command
      .add_option("--text-heads", hints.architecture.text_heads, "Attention heads of the text tower, else width / 64")
      ->check(CLI::Range(1, 65536))
      ->group(group);
  command
      .add_option("--vision-heads", hints.architecture.vision_heads,
                  "Attention heads of the image tower, else width / 64, or 16 for OpenCLIP's ViT-H, g, bigG, e")
      ->check(CLI::Range(1, 65536))
      ->group(group);
  command
      .add_option("--entry", hints.entry,
                  "Which model of a file with several: part of its names, as conditioner.embedders.1 in an SDXL file")
      ->group(group);
}

}  // namespace longclip
