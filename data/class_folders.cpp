// data/class_folders.cpp -- see data/class_folders.h
#include "data/class_folders.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/signals.h"
#include "data/formats/row_text.h"
#include "image/picture_names.h"
#include "text/prompts.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::vector<std::string> folders_in(const fs::path& path) {
  require<DataError>(fs::is_directory(path), "{}: no such folder", path.string());
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_directory() && !is_hidden(entry.path())) names.push_back(entry.path().filename().string());
  }
  require<DataError>(!names.empty(), "{}: holds no folder; the pictures of each class are expected in a folder of their own", path.string());
  std::ranges::sort(names);
  return names;
}

/// A name or a list of names.
std::vector<std::string> names_in(const Json& value, const std::string& where) {
  std::vector<std::string> names;
  for (const Json& name : value.is_array() ? value : Json::array({value})) {
    require<DataError>(name.is_string() && !is_blank(name.get<std::string>()), "{}: must be a name or a list of names", where);
    names.push_back(name.get<std::string>());
  }
  require<DataError>(!names.empty(), "{}: the list of names is empty", where);
  return names;
}

void require_count(size_t count, const std::vector<std::string>& folders, const fs::path& file) {
  require<DataError>(count == folders.size(), "{}: names {} classes, but there are {} folders ({} to {})", file.string(), count, folders.size(),
                     folders.front(), folders.back());
}

ClassNames names_in_json(const Json& json, const std::vector<std::string>& folders, const fs::path& file) {
  ClassNames names;
  if (json.is_array()) {
    require_count(json.size(), folders, file);
    for (size_t i = 0; i < json.size(); ++i) names.push_back(names_in(json[i], fmt::format("{}: entry {}", file.string(), i)));
    return names;
  }
  require<DataError>(json.is_object(), "{}: must be a list of names, or an object from folder to name", file.string());
  for (const std::string& folder : folders) {
    const auto entry = json.find(folder);
    require<DataError>(entry != json.end(), "{}: has no name for the folder '{}'", file.string(), folder);
    names.push_back(names_in(*entry, fmt::format("{}: '{}'", file.string(), folder)));
  }
  return names;
}

}  // namespace

std::vector<std::string> pictures_below(const fs::path& folder) {
  std::vector<std::string> pictures;
  try {
    const auto follow = fs::directory_options::follow_directory_symlink;
    for (auto entry = fs::recursive_directory_iterator(folder, follow); entry != fs::recursive_directory_iterator(); ++entry) {
      throw_if_stop_requested();
      if (is_hidden(entry->path())) {
        entry.disable_recursion_pending();
      } else if (is_picture_name(entry->path().filename().string()) && entry->is_regular_file()) {
        pictures.push_back(entry->path().string());
      }
    }
  } catch (const fs::filesystem_error& error) {
    fail<DataError>("{}: cannot be read: {}", folder.string(), error.code().message());
  }
  std::ranges::sort(pictures);
  return pictures;
}

ClassFolders load_class_folders(const fs::path& path, const std::optional<int64_t>& pictures_per_class) {
  ClassFolders set;
  set.folders = folders_in(path);
  for (size_t i = 0; i < set.folders.size(); ++i) {
    std::vector<std::string> pictures = pictures_below(path / set.folders[i]);
    require<DataError>(!pictures.empty(), "{}: the folder of this class holds no picture", (path / set.folders[i]).string());
    if (pictures_per_class && std::ssize(pictures) > *pictures_per_class) pictures.resize(static_cast<size_t>(*pictures_per_class));
    for (std::string& picture : pictures) {
      set.pictures.emplace_back(std::move(picture));
      set.class_of_picture.push_back(static_cast<int64_t>(i));
    }
  }
  return set;
}

ClassNames names_of_folders(const std::vector<std::string>& folders) {
  ClassNames names;
  for (std::string name : folders) {
    if (const auto known = imagenet_class_name(name)) name = *known;
    else std::ranges::replace(name, '_', ' ');
    names.push_back({std::move(name)});
  }
  return names;
}

ClassNames read_class_names(const fs::path& file, const std::vector<std::string>& folders) {
  const std::string text = read_file(file);
  if (lower_case(file.extension().string()) == ".json") return names_in_json(parse_json(text, file.string()), folders, file);
  ClassNames names;
  for (std::string& name : list_lines(text, file.string())) names.push_back({std::move(name)});
  require_count(names.size(), folders, file);
  return names;
}

}  // namespace longclip
