// train/commands/encode.cpp -- longclip encode CKPT --images ... --texts FILE --out FILE: normalised features.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/log.h"
#include "model/clip_file.h"
#include "tensors/safetensors.h"
#include "train/commands/commands.h"
#include "train/commands/item_list.h"
#include "train/commands/model_options.h"

namespace longclip {
namespace {

struct EncodeCommand {
  ModelOptions model;
  std::vector<std::string> images;
  std::string texts, out;
  bool overwrite = false;
};

std::vector<std::string> values_of(const std::vector<ListItem>& items) {
  std::vector<std::string> values;
  for (const ListItem& item : items) values.push_back(item.value);
  return values;
}

std::vector<PictureEntry> entries_of(const std::vector<ListItem>& items) {
  std::vector<PictureEntry> entries;
  for (const ListItem& item : items) entries.emplace_back(item.value);
  return entries;
}

/// The error of a picture that a list names also says which line of the list that was.
at::Tensor encode_listed(const Clip& model, const std::vector<ListItem>& pictures, const EncodeOptions& options) {
  try {
    return encode_pictures(model, entries_of(pictures), options);
  } catch (const DataError& error) {
    const std::string_view message = error.what();
    for (const ListItem& picture : pictures) {
      if (!picture.place.empty() && message.starts_with(picture.value + ": "))
        fail<DataError>("{}: {}", picture.place, message);
    }
    throw;
  }
}

int encode(const EncodeCommand& command) {
  require<InputError>(!command.images.empty() || !command.texts.empty(),
                      "nothing to encode: give --images, --texts, or both");
  check_may_write(command.out, command.overwrite);
  const std::vector<ListItem> pictures = find_pictures(command.images);
  const std::vector<ListItem> texts =
      command.texts.empty() ? std::vector<ListItem>{} : read_list(command.texts, "text");
  const Clip model = load_model(command.model);
  const EncodeOptions options = encode_options(command.model);
  TensorMap features;
  if (!pictures.empty()) features["image_features"] = encode_listed(model, pictures, options);
  if (!texts.empty()) {
    EncodedTexts encoded = encode_texts(model, values_of(texts), options);
    features["text_features"] = std::move(encoded.text_ME);
    log_info("{}: {} of {} texts truncated to the model's {} ids", command.texts, encoded.truncated, texts.size(),
             model.architecture().context_length);
  }
  write_safetensors(command.out, features);
  log_info("{}: features of {} pictures and {} texts, {} numbers each", command.out, pictures.size(), texts.size(),
           model.architecture().embed_dim);
  return kExitDone;
}

}  // namespace

void add_encode_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<EncodeCommand>();
  CLI::App* command = app.add_subcommand("encode", "Write the normalised features of pictures and texts");
  add_model_options(*command, options->model);
  command->add_option(
      "--images", options->images,
      "Pictures: files, folders, patterns in quotes, or lists (.txt: one path a line; .jsonl: "
      "{\"image\": path}); paths in a list are relative to the list");
  command->add_option("--texts", options->texts, "Texts: every line of a file is one; .jsonl: {\"text\": ...} a line");
  command
      ->add_option("--out", options->out, "FILE.safetensors: image_features and text_features, float32, in input order")
      ->required();
  command->add_flag("--overwrite", options->overwrite, "Replace the output if it exists");
  command->footer(
      "Example:\n  longclip encode long.safetensors --images 'photos/*.jpg' --texts captions.txt --out "
      "features.safetensors");
  command->callback([options, &run] { run = [options] { return encode(*options); }; });
}

}  // namespace longclip
