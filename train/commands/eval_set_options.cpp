// train/commands/eval_set_options.cpp -- see train/commands/eval_set_options.h
#include "train/commands/eval_set_options.h"

#include "eval/retrieval_protocol.h"
#include "train/source_spec.h"

namespace longclip {
namespace {

std::vector<std::string> protocol_names() {
  std::vector<std::string> names;
  for (const auto& [protocol, name] : EnumNames<RetrievalProtocol>::kNames) names.emplace_back(name);
  return names;
}

}  // namespace

void add_eval_set_options(CLI::App& command, EvalSetOptions& options) {
  command
      .add_option("--data", options.data,
                  "FORMAT:PATH[,images=DIR][,split=NAME][,skip=N][,limit=N], or '{format: FORMAT, path: PATH, ...}'; with --protocol "
                  "PATH[,KEY=VALUE]...: the folder of the data set, or its caption file. A row that cannot be used is an error")
      ->required();
  command.add_option("--protocol", options.protocol, "A set that papers report (docs/evaluation.md has the rules)")
      ->check(CLI::IsMember(protocol_names()));
  command.add_option("--limit", options.limit, "Only the first N rows")->check(CLI::Range(int64_t{1}, INT64_MAX));
}

RetrievalConfig set_of(const EvalSetOptions& options) {
  RetrievalConfig set;
  for (const auto& [protocol, name] : EnumNames<RetrievalProtocol>::kNames) {
    if (name == options.protocol) set.protocol = protocol;
  }
  const auto format = set.protocol ? std::optional(rules_of(*set.protocol).format) : std::nullopt;
  static_cast<SourceConfig&>(set) = parse_source_spec(options.data, format);
  if (options.limit) set.limit = options.limit;
  return set;
}

}  // namespace longclip
