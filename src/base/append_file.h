#pragma once
// base/append_file.h -- a file that only grows, for records that must survive a kill at any moment and a disk that is
// full for a while.

#include <filesystem>
#include <string>
#include <string_view>

namespace longclip {

/// Every append() is one write(2) with O_APPEND, so a kill leaves whole records and at most a part of the last one.
/// What the system does not take (disk full) is held back in memory, with one line in the log, and goes first at the
/// next append(); of a record that was taken in part nothing stays in the file. Not thread-safe.
class AppendFile {
 public:
  enum class Mode {
    kAppend,
    kCreateNew,   ///< an error where the file exists
    kWhenNeeded,  ///< opened by the first append()
  };
  /// Makes missing parent folders. Throws std::runtime_error with the system's reason if the file cannot be opened.
  explicit AppendFile(const std::filesystem::path& path, Mode mode = Mode::kAppend);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Appends one record, behind those that are held back.
  void append(std::string_view bytes);
  /// Writes what is held back. Throws std::runtime_error with failure() if that is still not possible.
  void flush();
  /// Why records are held back; empty while none is.
  const std::string& failure() const { return failure_; }
  /// Opens the file of this path anew, after it was replaced.
  void reopen();
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_held_back();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::string held_back_;
  std::string failure_;
};

}  // namespace longclip
