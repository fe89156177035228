// data/formats/triples_source.cpp -- finding the lines, judging them on all cores, parsing one row.
#include "data/formats/triples_source.h"

#include <algorithm>
#include <future>
#include <thread>

#include "base/digest.h"
#include "base/json.h"
#include "base/signals.h"

namespace longclip {
namespace {

/// No caption is this long; a longer line is a file without line breaks.
constexpr size_t kMaxLineBytes = size_t{16} << 20;
constexpr int64_t kRowsPerTask = 4096;

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

/// What parse_json says of one line, without its own line number, which is always 1.
Json parse_line(std::string_view text) {
  require<DataError>(text.size() <= kMaxLineBytes, "the line has {} bytes, more than {}", text.size(), kMaxLineBytes);
  try {
    return parse_json(text, "malformed JSON", {.repair_surrogates = true});
  } catch (const DataError& error) {
    std::string reason = error.what();
    const std::string_view position = "parse error at line 1, ";
    if (const auto at = reason.find(position); at != std::string::npos) reason.replace(at, position.size(), "at ");
    throw DataError(reason);
  }
}

const Json* find_value(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found == row.end() || found->is_null() ? nullptr : &*found;
}

std::string caption_of(const Json& entry, const char* key) {
  const bool has_caption = entry.is_object() && entry.contains("caption");
  const Json& text = has_caption ? entry["caption"] : entry;
  require<DataError>(text.is_string(), "'{}' must be text, a list of texts, or a list of objects with 'caption'", key);
  const auto& caption = text.get_ref<const std::string&>();
  require<DataError>(!is_blank(caption), "a {} caption is empty", key);
  return caption;
}

std::vector<std::string> captions_of(const Json& row, const char* key) {
  std::vector<std::string> captions;
  const Json* value = find_value(row, key);
  if (value == nullptr) return captions;
  if (!value->is_array()) return {caption_of(*value, key)};
  for (const Json& entry : *value) captions.push_back(caption_of(entry, key));
  return captions;
}

std::string image_of(const Json& row) {
  const Json* value = find_value(row, "image");
  require<DataError>(value != nullptr, "no 'image'");
  require<DataError>(value->is_string(), "'image' must be text");
  const auto& image = value->get_ref<const std::string&>();
  require<DataError>(!image.empty(), "'image' is empty");
  require<DataError>(image.find('\0') == std::string::npos, "'image' holds a NUL");
  return image;
}

/// Fills `row`; throws DataError with the reason alone. row.image is set as soon as it is known.
void parse_row(std::string_view text, PairRow& row) {
  const Json json = parse_line(text);
  require<DataError>(json.is_object(), "must be an object like {{\"image\": ..., \"long\": ...}}");
  row.image = image_of(json);
  row.long_captions = captions_of(json, "long");
  require<DataError>(!row.long_captions.empty(), "no long caption: 'long' is missing, null or an empty list");
  row.short_captions = captions_of(json, "short");
}

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TriplesSource::TriplesSource(const SourceConfig& config)
    : name_(config.path.string()), images_(config.images), file_(config.path) {
  const std::string_view start = as_text(file_.bytes()).substr(0, 2);
  require<DataError>(start != "\xFF\xFE" && start != "\xFE\xFF", "{}: is UTF-16; save it as UTF-8", name_);
  find_rows(config.limit.value_or(INT64_MAX));
  judge_rows();
}

void TriplesSource::find_rows(int64_t limit) {
  const std::string_view text = as_text(file_.bytes());
  size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  int64_t blank_lines = 0;
  Sha256 sha;
  while (at < text.size() && rows() < limit) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (is_blank(line)) {
      ++blank_lines;
    } else {
      if (blank_lines > (gaps_.empty() ? 0 : gaps_.back().blank_lines)) gaps_.push_back({rows(), blank_lines});
      starts_.push_back(at);
      sha.update(line);
      sha.update("\n");
    }
    at = end + 1;
  }
  require<DataError>(!starts_.empty(), "{}: has no rows", name_);
  starts_.shrink_to_fit();
  fingerprint_ = sha.hex();
}

void TriplesSource::judge_rows() {
  const int64_t wanted = (rows() + kRowsPerTask - 1) / kRowsPerTask;
  const int64_t tasks = std::min<int64_t>(wanted, std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::future<std::vector<int64_t>>> found;
  for (int64_t i = 0; i < tasks; ++i) {
    const int64_t first = rows() / tasks * i + std::min(i, rows() % tasks);
    const int64_t last = rows() / tasks * (i + 1) + std::min(i + 1, rows() % tasks);
    found.push_back(std::async(std::launch::async, [this, first, last] { return bad_rows_between(first, last); }));
  }
  for (auto& part : found) {
    const std::vector<int64_t> bad = part.get();
    bad_rows_.insert(bad_rows_.end(), bad.begin(), bad.end());
  }
}

std::vector<int64_t> TriplesSource::bad_rows_between(int64_t first, int64_t last) const {
  std::vector<int64_t> bad;
  for (int64_t index = first; index < last; ++index) {
    if (index % 256 == 0) throw_if_stop_requested();
    PairRow ignored;
    try {
      parse_row(text_of(index), ignored);
    } catch (const DataError&) {
      bad.push_back(index);
    }
  }
  return bad;
}

std::string_view TriplesSource::text_of(int64_t index) const {
  const std::string_view text = as_text(file_.bytes());
  const size_t start = starts_.at(static_cast<size_t>(index));
  return text.substr(start, std::min(text.find('\n', start), text.size()) - start);
}

int64_t TriplesSource::line_of(int64_t index) const {
  const auto after =
      std::upper_bound(gaps_.begin(), gaps_.end(), index, [](int64_t row, const Gap& gap) { return row < gap.row; });
  return index + 1 + (after == gaps_.begin() ? 0 : std::prev(after)->blank_lines);
}

PairRow TriplesSource::row(int64_t index) const {
  PairRow row;
  row.line = line_of(index);
  try {
    parse_row(text_of(index), row);
  } catch (const DataError& error) {
    throw BadRowError({name_, row.line, row.image, error.what()});
  }
  return row;
}

std::filesystem::path TriplesSource::picture_file(const PairRow& row) const { return images_ / row.image; }

std::string TriplesSource::read_picture(const PairRow& row) const {
  try {
    return read_picture_file(picture_file(row));
  } catch (const DataError& error) {
    throw BadRowError({name_, row.line, row.image, error.what()});
  }
}

}  // namespace longclip
