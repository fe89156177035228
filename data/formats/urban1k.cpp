// data/formats/urban1k.cpp -- see data/formats/urban1k.h
#include "data/formats/urban1k.h"

#include <map>

#include "base/file.h"
#include "base/utf8.h"
#include "data/formats/row_text.h"
#include "data/formats/triples.h"
#include "image/picture_names.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

struct Pair {
  std::vector<std::string> pictures;  ///< file names
  std::string caption;                ///< file name, or empty
};

/// 2 before 10, and both before words.
struct ByNumber {
  static bool is_number(const std::string& name) { return name.find_first_not_of("0123456789") == std::string::npos; }
  bool operator()(const std::string& a, const std::string& b) const {
    if (is_number(a) != is_number(b)) return is_number(a);
    if (is_number(a) && a.size() != b.size()) return a.size() < b.size();
    return a < b;
  }
};

using Pairs = std::map<std::string, Pair, ByNumber>;

/// Names of the visible files of a folder.
std::vector<std::string> files_of(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entries(folder, error);
  require<DataError>(!error, "{}: {}; the format urban1k is a folder with 'image' and 'caption'", folder.string(),
                     error.message());
  for (const fs::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') && entry.is_regular_file(error)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Throws DataError with the reason.
std::string first_line_of(const fs::path& file) {
  const std::string text = read_file(file, kMaxRowBytes);
  const std::string_view plain = without_mark(text);
  std::string_view line = plain.substr(0, plain.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  require<CaptionError>(!is_blank(line), "caption/{} is empty", file.filename().string());
  require<CaptionError>(is_valid_utf8(line), "caption/{} is not UTF-8", file.filename().string());
  return std::string(line);
}

std::string compose(const fs::path& folder, const std::string& name, const Pair& pair) {
  require<MissingPicture>(!pair.pictures.empty(), "no picture image/{}.jpg belongs to caption/{}", name, pair.caption);
  require<DataError>(pair.pictures.size() == 1, "two pictures have that name: {}", fmt::join(pair.pictures, ", "));
  require<CaptionError>(!pair.caption.empty(), "no caption/{}.txt", name);
  const std::string image = "image/" + pair.pictures.front();
  require<DataError>(is_valid_utf8(image), "the picture's name is not UTF-8");
  return compose_triple(image, {first_line_of(folder / "caption" / pair.caption)}, {});
}

}  // namespace

void scan_urban1k(const fs::path& folder, RowSink& rows) {
  Pairs pairs;
  for (const std::string& name : files_of(folder / "image")) {
    if (is_picture_name(name)) pairs[fs::path(name).stem().string()].pictures.push_back(name);
  }
  for (const std::string& name : files_of(folder / "caption")) {
    if (fs::path(name).extension() == ".txt") pairs[fs::path(name).stem().string()].caption = name;
  }
  int64_t number = 0;
  for (const auto& [name, pair] : pairs) {
    ++number;
    try {
      rows.add_composed(compose(folder, name, pair), number);
    } catch (const DataError& error) {
      rows.add_bad(
          {"", number, pair.pictures.empty() ? "" : "image/" + pair.pictures.front(), error.what(), kind_of(error)});
    }
  }
}

}  // namespace longclip
