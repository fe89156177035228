// data/bad_sample_log.cpp -- reading, cutting and appending bad_samples.jsonl.
#include "data/bad_sample_log.h"

#include "base/file.h"
#include "base/json.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

BadRow parse_bad_row(const std::string& line, const std::string& where) {
  const Json json = parse_json(line, where);
  const auto text = [&](const char* key) {
    const bool good = json.is_object() && json.contains(key) && json[key].is_string();
    require<DataError>(good, "{}: '{}' must be text; move the file away if another program wrote it", where, key);
    return json[key].get<std::string>();
  };
  BadRow row{text("source"), 0, text("image"), text("reason")};
  require<DataError>(json.contains("line") && json["line"].is_number_integer(), "{}: 'line' must be a whole number",
                     where);
  row.line = json["line"].get<int64_t>();
  return row;
}

std::string line_of(const BadRow& row) { return to_json_line(to_json(row)) + "\n"; }

}  // namespace

BadSampleLog::BadSampleLog(Options options) : options_(std::move(options)) {
  if (options_.file.empty()) return;
  file_.emplace(options_.file, AppendFile::Mode::kWhenNeeded);
  if (!fs::exists(options_.file)) return;
  const std::string text = read_file(options_.file);
  std::string kept;
  size_t at = 0;
  // A last line without its newline was being written when the program ended: it is dropped.
  for (size_t end; count() < options_.lines_to_keep && (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string where = fmt::format("{}:{}", options_.file.string(), count() + 1);
    const BadRow row = parse_bad_row(text.substr(at, end - at), where);
    if (known_.emplace(row.source, row.line).second) kept += text.substr(at, end + 1 - at);
  }
  if (kept != text) write_file_atomically(options_.file, kept);
}

void BadSampleLog::add(const std::vector<BadRow>& rows) {
  std::string lines;
  for (const BadRow& row : rows) {
    if (known_.emplace(row.source, row.line).second) lines += line_of(row);
  }
  if (lines.empty()) return;
  if (file_) file_->append(lines);
  check_fraction(rows.back());
}

void BadSampleLog::check_fraction(const BadRow& newest) const {
  const double allowed = options_.max_bad_fraction * static_cast<double>(options_.rows);
  if (static_cast<double>(count()) <= allowed) return;
  const std::string list = options_.file.empty() ? "" : fmt::format(", all listed in {}", options_.file.string());
  fail<DataError>(
      "{} of {} rows cannot be used, more than data.max_bad_fraction = {} allows{}; the last one is {}:{}: {}", count(),
      options_.rows, options_.max_bad_fraction, list, newest.source, newest.line, newest.reason);
}

}  // namespace longclip
