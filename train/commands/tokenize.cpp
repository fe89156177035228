// train/commands/tokenize.cpp -- longclip tokenize [FILE]: token ids, one line a text, and what was cut.
#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "text/tokenizer.h"
#include "train/commands/commands.h"
#include "train/commands/item_list.h"

namespace longclip {
namespace {

struct TokenizeOptions {
  std::string file = "-";
  int64_t context = 248;
  bool jsonl = false, json = false;
};

std::string to_line(const std::string& text, const Tokenized& tokens, bool json) {
  if (json) return to_json_line({{"text", text}, {"ids", tokens.ids}, {"truncated", tokens.truncated}});
  return fmt::format("{}  # {} ids{}", fmt::join(tokens.ids, " "), tokens.ids.size(),
                     tokens.truncated ? ", truncated" : "");
}

int tokenize_all(ListReader& texts, const TokenizeOptions& options) {
  int64_t count = 0, truncated = 0;
  size_t num_ids = 0, longest = 0;
  while (const auto text = texts.next()) {
    const Tokenized tokens = Tokenizer::clip().encode(text->value, options.context);
    std::cout << to_line(text->value, tokens, options.json) << '\n';
    require<std::runtime_error>(std::cout.good(), "cannot write to stdout");
    ++count;
    truncated += tokens.truncated ? 1 : 0;
    num_ids += tokens.ids.size();
    longest = std::max(longest, tokens.ids.size());
  }
  require<std::runtime_error>(std::cout.flush().good(), "cannot write to stdout");
  log_info("{} texts, {} ids with start and end, longest {}; {} truncated to {} ids", count, num_ids, longest,
           truncated, options.context);
  return kExitDone;
}

int tokenize(const TokenizeOptions& options) {
  if (options.file == "-") {
    ListReader texts(std::cin, "stdin", {.key = "text", .jsonl = options.jsonl});
    return tokenize_all(texts, options);
  }
  ListFormat format = ListFormat::of(options.file, "text");
  format.jsonl = format.jsonl || options.jsonl;
  std::ifstream stream(options.file, std::ios::binary);
  require<DataError>(stream.good() && !std::filesystem::is_directory(options.file), "{}: no such file, or not readable",
                     options.file);
  ListReader texts(stream, options.file, format);
  return tokenize_all(texts, options);
}

}  // namespace

void add_tokenize_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand("tokenize", "Show the token ids of texts, one line each");
  command->add_option("FILE", options->file, "One text a line; .jsonl: {\"text\": ...} a line; -: from stdin")
      ->capture_default_str();
  command->add_option("--context", options->context, "Ids that fit, start and end included; longer texts are cut")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  command->add_flag("--jsonl", options->jsonl, "The input is JSONL, whatever its name");
  command->add_flag("--json", options->json, "Print one object a text: {\"text\", \"ids\", \"truncated\"}");
  command->footer("Example:\n  echo 'a photo of a cat' | longclip tokenize");
  command->callback([options, &run] { run = [options] { return tokenize(*options); }; });
}

}  // namespace longclip
