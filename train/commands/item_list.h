#pragma once
// train/commands/item_list.h -- pictures and texts named on the command line: lists of one item a line, folders, globs.

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace longclip {

struct ListItem {
  std::string value;
  std::string place;  ///< "FILE:LINE"; empty where it was named on the command line itself
};

/// How the lines of a list are read.
struct ListFormat {
  std::string key;     ///< of a JSONL object: "image" or "text"
  bool jsonl = false;  ///< one object a line with that key; else the line itself is the item

  /// JSONL where the name ends in .jsonl.
  static ListFormat of(const std::filesystem::path& file, const std::string& key);
};

/// Reads items one after the other. Lines end at '\n' or '\r\n', the first may begin with a byte-order mark. In a plain
/// list of texts every line is a text, an empty one too; elsewhere blank lines are skipped (and counted as lines).
/// Half a surrogate pair in JSON becomes U+FFFD.
class ListReader {
 public:
  /// `name` stands in messages. REQUIRES: `stream` outlives the reader.
  ListReader(std::istream& stream, std::string name, ListFormat format);
  /// Nothing after the last one. Throws DataError "FILE:LINE: reason", Stopped after a signal.
  std::optional<ListItem> next();

 private:
  std::string item_of(const std::string& line, const std::string& place) const;

  std::istream& stream_;
  std::string name_;
  ListFormat format_;
  int64_t line_ = 0;
};

/// All items of a file, or of stdin for "-". `jsonl`: it is JSONL, whatever its name.
/// Throws DataError if it cannot be read or holds none.
std::vector<ListItem> read_list(const std::filesystem::path& file, const std::string& key, bool jsonl = false);

/// The pictures that the arguments of --images stand for, in their order:
///   a folder               its pictures at any depth (data/class_folders.h), in the order of their paths
///   NAME.txt, NAME.jsonl   the pictures listed in it; relative ones start in the folder of the list
///   -                      the same from stdin; relative ones start in the working folder
///   with * ? [             the files that match, in the order of their names
///   anything else          one picture
/// Throws DataError naming what is missing, with its line if a list names it.
std::vector<ListItem> find_pictures(const std::vector<std::string>& arguments, bool jsonl = false);

}  // namespace longclip
