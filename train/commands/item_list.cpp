// train/commands/item_list.cpp -- see train/commands/item_list.h
#include "train/commands/item_list.h"

#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/signals.h"
#include "base/utf8.h"
#include "data/class_folders.h"
#include "data/formats/row_text.h"
#include "image/picture_names.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxLineBytes = size_t{16} << 20;

void append_folder(const std::string& folder, std::vector<ListItem>& pictures) {
  const std::vector<std::string> found = pictures_below(folder);
  require<DataError>(!found.empty(), "{}: the folder holds no picture (.jpg, .png, .gif, .webp, .bmp, .ppm, .tif, ...)", folder);
  for (const std::string& picture : found) pictures.push_back({picture, ""});
}

void append_matches(const std::string& pattern, std::vector<ListItem>& pictures) {
  glob_t found{};
  const int error = ::glob(pattern.c_str(), 0, nullptr, &found);
  const size_t before = pictures.size();
  for (size_t i = 0; error == 0 && i < found.gl_pathc; ++i) {
    if (fs::is_regular_file(found.gl_pathv[i])) pictures.push_back({found.gl_pathv[i], ""});
  }
  globfree(&found);
  require<DataError>(pictures.size() > before, "{}: no file matches", pattern);
}

void append_list(const fs::path& list, bool jsonl, std::vector<ListItem>& pictures) {
  for (ListItem& item : read_list(list, "image", jsonl)) {
    pictures.push_back({(list.parent_path() / item.value).string(), std::move(item.place)});
  }
}

}  // namespace

ListFormat ListFormat::of(const fs::path& file, const std::string& key) {
  return {.key = key, .jsonl = lower_case(fs::path(file).extension().string()) == ".jsonl"};
}

ListReader::ListReader(std::istream& stream, std::string name, ListFormat format)
    : stream_(stream), name_(std::move(name)), format_(std::move(format)) {}

std::optional<ListItem> ListReader::next() {
  std::string line;
  while (std::getline(stream_, line)) {
    throw_if_stop_requested();
    if (++line_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (line.ends_with('\r')) line.pop_back();
    const std::string place = name_ + ":" + std::to_string(line_);
    require<DataError>(line.size() <= kMaxLineBytes, "{}: the line has {} bytes, more than {}", place, line.size(),
                       kMaxLineBytes);
    const bool every_line_counts = !format_.jsonl && format_.key == "text";
    if (is_blank(line) && !every_line_counts) continue;
    return ListItem{item_of(line, place), place};
  }
  throw_if_stop_requested();
  return std::nullopt;
}

std::string ListReader::item_of(const std::string& line, const std::string& place) const {
  if (!format_.jsonl) {
    require<DataError>(format_.key != "text" || is_valid_utf8(line), "{}: the text is not UTF-8", place);
    return line;
  }
  const Json row = parse_json(line, place, {.repair_surrogates = true});
  const auto value = row.is_object() ? row.find(format_.key) : row.end();
  require<DataError>(value != row.end() && value->is_string(), "{}: must be an object like {{\"{}\": \"...\"}}", place,
                     format_.key);
  return value->get<std::string>();
}

std::vector<ListItem> read_list(const fs::path& file, const std::string& key, bool jsonl) {
  const bool from_stdin = file == "-";
  require<DataError>(from_stdin || !fs::is_directory(file), "{}: is a folder, a file is wanted", file.string());
  std::ifstream stream;
  if (!from_stdin) stream.open(file, std::ios::binary);
  if (!stream) fail<DataError>("{}: cannot be read: {}", file.string(), std::strerror(errno));
  ListFormat format = ListFormat::of(file, key);
  format.jsonl = format.jsonl || jsonl;
  ListReader reader(from_stdin ? std::cin : stream, from_stdin ? "stdin" : file.string(), std::move(format));
  std::vector<ListItem> items;
  while (auto item = reader.next()) items.push_back(std::move(*item));
  require<DataError>(!items.empty(), "{}: names no {}", from_stdin ? "stdin" : file.string(), key);
  return items;
}

std::vector<ListItem> find_pictures(const std::vector<std::string>& arguments, bool jsonl) {
  std::vector<ListItem> pictures;
  for (const std::string& argument : arguments) {
    const std::string extension = lower_case(fs::path(argument).extension().string());
    if (fs::is_directory(argument)) {
      append_folder(argument, pictures);
    } else if (extension == ".txt" || extension == ".jsonl" || argument == "-") {
      append_list(argument, jsonl, pictures);
    } else if (!fs::exists(argument) && argument.find_first_of("*?[") != std::string::npos) {
      append_matches(argument, pictures);
    } else {
      pictures.push_back({argument, ""});
    }
  }
  for (const ListItem& picture : pictures) {
    throw_if_stop_requested();
    const std::string place = picture.place.empty() ? "" : picture.place + ": ";
    require<DataError>(picture.value.find('\0') == std::string::npos, "{}the name holds a NUL", place);
    require<DataError>(fs::is_regular_file(picture.value), "{}{}: no such file", place, picture.value);
  }
  return pictures;
}

}  // namespace longclip
