// train/export/tokenizer_files.cpp -- see train/export/tokenizer_files.h
#include "train/export/tokenizer_files.h"

#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr const char* kStartOfText = "<|startoftext|>";
constexpr const char* kEndOfText = "<|endoftext|>";

/// Padding is the end token: "!" (id 0, what CLIP's own code pads with) is a word, and would be cut out of captions.
Json special_tokens() {
  return {{"bos_token", kStartOfText}, {"eos_token", kEndOfText}, {"pad_token", kEndOfText}, {"unk_token", kEndOfText}};
}

}  // namespace

void write_tokenizer(const fs::path& folder, int64_t context_length) {
  const Tokenizer& tokenizer = Tokenizer::clip();
  std::string merges = "#version: 0.2\n";
  for (const std::string& merge : tokenizer.merges()) merges += merge + "\n";
  std::string vocabulary;  // written by hand: looking each of 49,408 keys up in an ordered Json would be quadratic
  for (const std::string& spelling : tokenizer.vocabulary()) {
    const size_t id = static_cast<size_t>(&spelling - tokenizer.vocabulary().data());
    vocabulary += (id == 0 ? "{" : ", ") + to_json_line(spelling) + ": " + std::to_string(id);
  }
  Json config = special_tokens();
  config["tokenizer_class"] = "CLIPTokenizer";
  config["model_max_length"] = context_length;
  config["do_lower_case"] = true;
  config["add_prefix_space"] = false;
  config["errors"] = "replace";
  write_file_atomically(folder / "vocab.json", vocabulary + "}\n");
  write_file_atomically(folder / "merges.txt", merges);
  write_file_atomically(folder / "special_tokens_map.json", special_tokens().dump(2) + "\n");
  write_file_atomically(folder / "tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace longclip
