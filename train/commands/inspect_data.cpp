// train/commands/inspect_data.cpp -- a data set: how many rows it has, which are bad and why, and what the first ones say.
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/signals.h"
#include "config/field_types.h"
#include "data/formats/pair_source.h"
#include "train/commands/inspect.h"
#include "train/source_spec.h"

namespace longclip {
namespace {

constexpr int64_t kShownRows = 3;
constexpr size_t kShownBad = 20;  ///< on the terminal; JSON has all

Json json_of(const PairRow& row) {
  return {{"source", row.source},
          {"line", row.line},
          {"image", row.image},
          {"long", row.long_captions},
          {"short", row.short_captions}};
}

Json describe(const PairSource& source) {
  Json json = {{"kind", "data"},
               {"path", source.name()},
               {"rows", source.rows()},
               {"good", source.rows() - std::ssize(source.bad_rows())},
               {"fingerprint", source.fingerprint()},
               {"bad_rows", Json::array()},
               {"first_rows", Json::array()}};
  for (const int64_t index : source.bad_rows()) {
    throw_if_stop_requested();
    try {
      source.row(index);
    } catch (const BadRowError& error) {
      json["bad_rows"].push_back(to_json(error.row));
    }
  }
  for (int64_t index = 0; index < source.rows() && std::ssize(json["first_rows"]) < kShownRows; ++index) {
    if (!std::ranges::binary_search(source.bad_rows(), index)) json["first_rows"].push_back(json_of(source.row(index)));
  }
  return json;
}

void print_text(const PairSource& source, const Json& json) {
  std::cout << fmt::format("{}: {} rows, {} of them bad\nfingerprint {}\n", source.name(), source.rows(),
                           source.bad_rows().size(), source.fingerprint());
  for (const Json& row : json["first_rows"]) {
    std::cout << fmt::format("{}:{}: {}\n  long: {}\n  short: {}\n", row["source"].get<std::string>(),
                             row["line"].get<int64_t>(), row["image"].get<std::string>(), to_json_line(row["long"]),
                             to_json_line(row["short"]));
  }
  const Json& bad = json["bad_rows"];
  for (size_t i = 0; i < std::min(bad.size(), kShownBad); ++i) {
    std::cout << fmt::format("bad {}:{}: {}: {}\n", bad[i]["source"].get<std::string>(), bad[i]["line"].get<int64_t>(),
                             bad[i]["image"].get<std::string>(), bad[i]["reason"].get<std::string>());
  }
  if (bad.size() > kShownBad) std::cout << fmt::format("and {} more; --json lists all\n", bad.size() - kShownBad);
}

}  // namespace

bool is_data_spec(const std::string& text) {
  if (text.starts_with('{')) return true;
  const auto words = enum_words<SourceFormat>();
  return std::ranges::find(words, std::string_view(text).substr(0, text.find(':'))) != words.end() &&
         text.find(':') != std::string::npos;
}

void inspect_data(const InspectOptions& options, const std::string& spec) {
  const auto source = build_source(parse_source_spec(spec));
  const Json json = describe(*source);
  if (options.json) {
    std::cout << to_json_line(json) << '\n';
  } else {
    print_text(*source, json);
  }
  std::cout << std::flush;
}

}  // namespace longclip
