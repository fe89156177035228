#pragma once
// report/append_file.h -- a file that only grows, for records that must survive a kill at any moment.

#include <filesystem>
#include <string_view>

namespace longclip {

/// Every append() is one write(2) with O_APPEND, so a kill leaves whole records and at most a part of the last one.
class AppendFile {
 public:
  enum class Mode { kAppend, kCreateNew };
  /// Makes missing parent folders. Throws std::runtime_error with the system's reason; with kCreateNew also where the
  /// file exists.
  explicit AppendFile(const std::filesystem::path& path, Mode mode = Mode::kAppend);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Throws std::runtime_error naming the file if the system does not take all bytes (disk full).
  void append(std::string_view bytes);
  /// Opens the file of this path anew, after it was replaced.
  void reopen();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace longclip
