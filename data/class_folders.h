#pragma once
// data/class_folders.h -- labelled pictures as ImageNet and CIFAR are unpacked: one folder for each class.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/picture_reader.h"

namespace longclip {

struct ClassFolders {
  std::vector<std::string> folders;        ///< [class] names in the order of their bytes, as torchvision's ImageFolder
  std::vector<PictureEntry> pictures;      ///< class after class
  std::vector<int64_t> class_of_picture;   ///< [picture] ascending
};

/// All pictures at any depth below a folder, in the order of their paths; names that begin with '.' are left out, links
/// are followed. Which file is a picture, its name tells. Throws DataError if the folder cannot be read, Stopped.
std::vector<std::string> pictures_below(const std::filesystem::path& folder);

/// Every folder in `path` is a class. `pictures_per_class`: only the first ones of each.
/// Throws DataError naming the folder: no class in it, a class without pictures.
ClassFolders load_class_folders(const std::filesystem::path& path, const std::optional<int64_t>& pictures_per_class);

/// [class] the names that a class goes by in prompts, at least one.
using ClassNames = std::vector<std::vector<std::string>>;

/// Names from the folders: those that CLIP gives ImageNet's classes where a folder is called n01440764, else what the
/// folder is called, with blanks for '_'.
ClassNames names_of_folders(const std::vector<std::string>& folders);

/// Names from a file: one a line, in the order of the folders; or .json: a list in that order, or an object from the name
/// of the folder to a name or a list of names (entries of other folders are ignored).
/// Throws DataError naming the file and what is missing or too much.
ClassNames read_class_names(const std::filesystem::path& file, const std::vector<std::string>& folders);

}  // namespace longclip
