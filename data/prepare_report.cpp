// data/prepare_report.cpp -- the report of `longclip prepare` as JSON and as text.
#include <algorithm>

#include "base/error.h"
#include "data/prepare.h"

namespace longclip {
namespace {

constexpr size_t kShownBadRows = 20;
constexpr size_t kShownExamples = 3;
constexpr int64_t kBarLength = 40;

/// Ends of the histograms: the positions that stretching keeps, those of an unstretched CLIP, and those of the model.
std::vector<int64_t> token_ends(int64_t context) {
  std::vector<int64_t> ends{10, 20, 40, 60, 77, 100, 150, 200, 300, 400, 500, 1000, context};
  std::ranges::sort(ends);
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json to_json(const Repetitions& repetitions) {
  Json json = {{"rows", repetitions.rows}, {"examples", Json::array()}};
  for (const auto& [first, again] : repetitions.examples) json["examples"].push_back({first, again});
  return json;
}

std::string token_lines(const std::string& kind, const Distribution& ids, const PrepareReport& report) {
  std::string text = fmt::format("{} captions: {} to {} ids, median {}, mean {:.1f}; {} ({:.2f} %) are longer than {} and get cut\n", kind,
                                 ids.min(), ids.max(), ids.quantile(0.5), ids.mean(), ids.above(report.context),
                                 100 * share(ids.above(report.context), ids.count()), report.context);
  for (const auto& [from, to, count] : ids.histogram(token_ends(report.context))) {
    const auto bar = static_cast<size_t>((count * kBarLength + ids.count() - 1) / ids.count());
    text += fmt::format("  {:>6} - {:<6} {:>9} {}\n", from, to, count, std::string(bar, '#'));
  }
  return text;
}

std::string counts_line(const std::string& what, const std::map<std::string, int64_t>& counts) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) parts.push_back(fmt::format("{} {}", name, count));
  return fmt::format("  {}: {}\n", what, fmt::join(parts, ", "));
}

std::string picture_lines(const PrepareReport& report) {
  std::string text = fmt::format("pictures: width {} to {}, median {}; height {} to {}, median {}; {} are enlarged to {}\n", report.widths.min(),
                                 report.widths.max(), report.widths.quantile(0.5), report.heights.min(), report.heights.max(),
                                 report.heights.quantile(0.5), report.enlarged, report.image_size);
  text += counts_line("formats", report.formats) + counts_line("modes", report.modes);
  if (report.grey16 > 0) text += fmt::format("  {} have 16-bit grey: values above 255 become white, as in the original\n", report.grey16);
  return text;
}

std::string repetition_lines(const std::string& what, const Repetitions& repetitions) {
  std::string text = fmt::format("{} of an earlier row: {}\n", what, repetitions.rows);
  for (size_t i = 0; i < std::min(kShownExamples, repetitions.examples.size()); ++i) {
    text += fmt::format("  {} as {}\n", repetitions.examples[i].second, repetitions.examples[i].first);
  }
  return text;
}

int64_t count_of(const PrepareReport& report, BadKind kind) {
  const auto found = report.bad_kinds.find(kind);
  return found == report.bad_kinds.end() ? 0 : found->second;
}

std::string bad_lines(const PrepareReport& report) {
  if (report.bad.empty()) return "";
  std::string text = fmt::format("pictures missing {}, pictures broken {}, captions bad {}, rows malformed {}\n", count_of(report, BadKind::kMissing),
                                 count_of(report, BadKind::kBroken), count_of(report, BadKind::kCaption), count_of(report, BadKind::kRow));
  const size_t shown = std::min(kShownBadRows, report.bad.size());
  for (size_t i = 0; i < shown; ++i) {
    const BadRow& row = report.bad[i];
    text += fmt::format("  {}:{}: {}{}\n", row.source, row.line, row.image.empty() ? "" : row.image + ": ", row.reason);
  }
  if (shown < report.bad.size()) text += fmt::format("  and {} more; --out FILE lists all\n", report.bad.size() - shown);
  return text;
}

}  // namespace

Json to_json(const PrepareReport& report) {
  const std::vector<int64_t> ends = token_ends(report.context);
  Json json = {{"rows", report.rows},
               {"good", report.good()},
               {"bad", report.bad.size()},
               {"bad_kinds", Json::object()},
               {"truncated_long", report.truncated_long()},
               {"truncated_short", report.truncated_short()},
               {"context", report.context},
               {"long_tokens", to_json(report.long_ids, ends)},
               {"short_tokens", to_json(report.short_ids, ends)},
               {"without_short", report.without_short},
               {"special_tokens", report.special_tokens},
               {"images",
                {{"size", report.image_size},
                 {"width", to_json(report.widths)},
                 {"height", to_json(report.heights)},
                 {"enlarged", report.enlarged},
                 {"formats", Json(report.formats)},
                 {"modes", Json(report.modes)},
                 {"grey16", report.grey16}}},
               {"duplicates", {{"images", to_json(report.pictures)}, {"long_captions", to_json(report.long_captions)}}},
               {"pairs_per_step", report.pairs_per_step},
               {"steps_per_epoch", report.steps_per_epoch},
               {"bad_samples", Json::array()}};
  for (const auto& [kind, name] : EnumNames<BadKind>::kNames) json["bad_kinds"][name] = count_of(report, kind);
  for (const BadRow& row : report.bad) json["bad_samples"].push_back(to_json(row));
  return json;
}

std::string to_table(const PrepareReport& report) {
  std::string text = fmt::format("{} rows: {} good, {} bad ({:.2f} %)\n", report.rows, report.good(), report.bad.size(),
                                 100 * share(report.rows - report.good(), report.rows));
  text += bad_lines(report);
  if (report.good() == 0) return text;
  text += fmt::format("{} steps of {} pairs an epoch\n", report.steps_per_epoch, report.pairs_per_step);
  text += token_lines("long", report.long_ids, report) + token_lines("short", report.short_ids, report);
  text += fmt::format("rows without a short caption: {}; rows that spell out a special token: {}\n", report.without_short,
                      report.special_tokens);
  text += picture_lines(report);
  text += repetition_lines("rows with the picture", report.pictures) + repetition_lines("rows with the long caption", report.long_captions);
  return text;
}

}  // namespace longclip
