#pragma once
// base/file.h -- whole files in and out: reads that name the file in their error, writes that are all or nothing.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace longclip {

/// The bytes of a file. Throws DataError naming it if it cannot be read or is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, uint64_t max_bytes = UINT64_MAX);

/// Writes `path` so that a reader sees the old file or the new one, never a part: temporary file beside it, fsync,
/// rename, fsync of the folder. Makes missing parent folders. Throws std::runtime_error with the system's reason.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// fsync of a file or a folder; throws std::runtime_error with the system's reason.
void sync_to_disk(const std::filesystem::path& path);

/// Renames a complete folder `from` to `to` and syncs the parent. `to` must not exist.
void publish_folder(const std::filesystem::path& from, const std::filesystem::path& to);

/// A state of a file, as far as it can be told without reading it.
struct FileIdentity {
  uint64_t bytes = 0;
  int64_t modified_ns = 0;
  uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

/// Throws DataError naming the file.
FileIdentity identity_of(const std::filesystem::path& file);

/// A file mapped read-only into memory. Throws DataError naming the file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  /// Of the file that was mapped, whatever has its name by now.
  const FileIdentity& identity() const { return identity_; }
  /// Lets go of the pages that were read so far; they come back from the system's cache when they are used again.
  void release_pages() const;

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  FileIdentity identity_;
};

}  // namespace longclip
