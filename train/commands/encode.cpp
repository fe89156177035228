// train/commands/encode.cpp -- longclip encode CKPT --images ... --texts FILE --out FILE: normalised features.
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/log.h"
#include "image/picture_names.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/commands/item_list.h"
#include "train/commands/model_options.h"
#include "train/feature_file.h"

namespace longclip {
namespace {

struct EncodeCommand {
  ModelOptions model;
  PictureOptions pictures;
  std::vector<std::string> images;
  std::string texts, out;
  FeatureParts parts;
  bool jsonl = false, overwrite = false;
};

std::vector<std::string> values_of(const std::vector<ListItem>& items) {
  std::vector<std::string> values;
  for (const ListItem& item : items) values.push_back(item.value);
  return values;
}

/// Before the long work: what cannot be done is said.
void check(const EncodeCommand& command, bool npy) {
  const bool images = !command.images.empty(), texts = !command.texts.empty();
  require<InputError>(images || texts, "nothing to encode: give --images, --texts, or both");
  require<InputError>(!command.parts.patches || images, "--patch-features needs --images");
  require<InputError>(!command.parts.tokens || texts, "--token-features needs --texts");
  require<InputError>(!npy || (images != texts && !command.parts.patches && !command.parts.tokens),
                      "{}: a .npy file holds one matrix: give --images or --texts, and no --patch-features or --token-features; "
                      "a .safetensors file holds all of them", command.out);
  require<InputError>(command.texts != "-" || std::ranges::count(command.images, "-") == 0, "stdin can be the --images or the --texts, not both");
  check_may_write(command.out, command.overwrite);
  if (npy) check_may_write(labels_beside(command.out), command.overwrite);
}

/// The error of a picture that a list names also says which line of the list that was.
[[noreturn]] void fail_with_place(const DataError& error, const std::vector<ListItem>& pictures) {
  const std::string_view message = error.what();
  for (const ListItem& picture : pictures) {
    if (!picture.place.empty() && message.starts_with(picture.value + ": ")) fail<DataError>("{}: {}", picture.place, message);
  }
  throw error;
}

int encode(const EncodeCommand& command) {
  const bool npy = lower_case(std::filesystem::path(command.out).extension().string()) == ".npy";
  check(command, npy);
  const std::vector<ListItem> pictures = find_pictures(command.images, command.jsonl);
  const std::vector<ListItem> texts = command.texts.empty() ? std::vector<ListItem>{} : read_list(command.texts, "text", command.jsonl);
  Clip model = load_model(command.model);
  const FeatureLabels labels{.images = values_of(pictures),
                             .texts = values_of(texts),
                             .model = std::filesystem::absolute(command.model.checkpoint).lexically_normal().string(),
                             .weights_sha256 = weights_hash(model.weights())};
  EncodeOptions options = encode_options(command.model);
  command.pictures.apply_to(options);
  const TokenizedTexts tokenized = texts.empty() ? TokenizedTexts{} : tokenize_texts(model.architecture(), labels.texts);
  try {
    npy ? encode_to_npy(command.out, model, labels, tokenized, options)
        : encode_to_safetensors(command.out, model, labels, tokenized, command.parts, options);
  } catch (const DataError& error) {
    fail_with_place(error, pictures);
  }
  if (!texts.empty()) {
    log_info("{}: {} of {} texts truncated to the model's {} ids", command.texts, tokenized.truncated, texts.size(), model.architecture().context_length);
  }
  log_info("{}: features of {} pictures and {} texts, {} numbers each", command.out, pictures.size(), texts.size(), model.architecture().embed_dim);
  return kExitDone;
}

}  // namespace

void add_encode_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<EncodeCommand>();
  CLI::App* command = app.add_subcommand("encode", "Write the normalised features of pictures and texts");
  add_model_options(*command, options->model);
  command->add_option(
      "--images", options->images,
      "Pictures: files, folders (with the folders in them), patterns in quotes, or lists (.txt: one path a line; .jsonl: "
      "{\"image\": path}; -: from stdin); paths in a list are relative to the list");
  command->add_option("--texts", options->texts, "Texts: every line of a file is one; .jsonl: {\"text\": ...} a line; -: from stdin");
  command->add_flag("--jsonl", options->jsonl, "The lists and stdin are JSONL, whatever their names");
  command
      ->add_option("--out", options->out,
                   "FILE.safetensors: image_features and text_features, float32, in input order, with their names; or FILE.npy: one of the two, "
                   "the names in FILE.json")
      ->required();
  command->add_flag("--patch-features", options->parts.patches,
                    "Also image_patch_features: every patch of every picture, after the last LayerNorm, before the projection");
  command->add_flag("--token-features", options->parts.tokens,
                    "Also text_token_features: every token of every text, likewise, one text after the other; text_lengths says where each ends");
  add_picture_options(*command, options->pictures);
  command->add_flag("--overwrite", options->overwrite, "Replace the output if it exists");
  command->footer(
      "With --keep-going, the rows of pictures that cannot be read hold NaN.\n"
      "Example:\n  longclip encode long.safetensors --images 'photos/*.jpg' --texts captions.txt --out features.safetensors\n"
      "  find photos -name '*.jpg' | longclip encode long.safetensors --images - --out photos.npy\n"
      "  longclip search photos.npy --text 'a red bus'");
  command->callback([options, &run] { run = [options] { return encode(*options); }; });
}

}  // namespace longclip
