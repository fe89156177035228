// data/formats/index_cache.cpp -- looking an index up, locking, building, writing; unpacking gzip.
#include "data/formats/index_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include "base/digest.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/signals.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr size_t kWorthALine = size_t{64} << 20;  ///< bytes of a file whose indexing takes a few seconds
constexpr uint64_t kLargestRatio = 200;           ///< texts reach 10
constexpr uint64_t kSmallUnpacked = uint64_t{64} << 20;
constexpr std::chrono::milliseconds kBetweenTries(50);

/// An exclusive lock for as long as it lives. Where the file system has no locks, work is done twice instead of once.
class FolderLock {
 public:
  /// Asks again and again instead of blocking: system calls go on after a signal, so a blocked one would not see a stop.
  explicit FolderLock(const fs::path& file) : FolderLock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR)) {
      throw_if_stop_requested();
      std::this_thread::sleep_for(kBetweenTries);
    }
  }
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  /// An object from here on: the other constructor may throw, and the descriptor is closed then.
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// Files are found by the first digits of the hash of what they are for.
std::string name_for(const std::string& key) { return sha256_hex(key).substr(0, 32); }

/// False also where that cannot be told, because a folder may not be searched or a name is too long.
bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

/// Nothing if there is none that can be used; `why` says so where it is damaged.
std::optional<SampleIndex> load_index(const fs::path& file, const IndexKey& key, size_t file_bytes, std::string& why) {
  why.clear();
  if (!is_there(file)) return {};
  try {
    return SampleIndex(std::make_unique<MappedFile>(file), key, file_bytes);
  } catch (const DataError& error) {
    if (std::string_view(error.what()) != kOtherFile) why = error.what();  // else the data changed: nothing to be said
    return {};
  }
}

std::string build_index(const fs::path& file, std::string_view bytes, const RowFormat& format, const IndexKey& key) {
  const double start = monotonic_seconds();
  const bool is_large = bytes.size() >= kWorthALine;
  if (is_large) log_info("{}: making the index of {} MiB, once", file.string(), bytes.size() >> 20);
  IndexBuilder builder(format, bytes);
  try {
    format.scan(bytes, builder);
  } catch (const DataError& error) {
    fail<DataError>("{}: {}", file.string(), error.what());
  }
  for (const std::string& warning : builder.warnings()) log_warning("{}: {}", file.string(), warning);
  if (is_large) log_info("{}: indexed in {:.1f} s", file.string(), monotonic_seconds() - start);
  return builder.finish(key);
}

/// Makes a folder in the cache; false with a warning if nothing can be written there.
bool make_writable(const fs::path& cache_dir, const char* name) {
  std::error_code error;
  fs::create_directories(cache_dir / name, error);
  if (!error && ::access((cache_dir / name).c_str(), W_OK | X_OK) == 0) return true;
  log_warning("{}: cannot be written ({}), so nothing is kept for the next time; set data.cache_dir",
              cache_dir.string(), error ? error.message() : std::strerror(errno));
  return false;
}

/// Reads a gzip file in pieces, with zlib's own checks of length and CRC.
class GzipReader {
 public:
  explicit GzipReader(const fs::path& path) : path_(path.string()), file_(::gzopen(path.c_str(), "rb")) {
    require<DataError>(file_ != nullptr, "{}: cannot be read: {}", path_, std::strerror(errno));
  }
  ~GzipReader() { ::gzclose(file_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
  /// The next piece; empty at the end.
  std::string_view next() {
    const int count = ::gzread(file_, buffer_.data(), static_cast<unsigned>(buffer_.size()));
    int code = Z_OK;
    const char* reason = ::gzerror(file_, &code);
    // A cut file is no error of gzread() but one of gzerror().
    require<DataError>(count >= 0 && (code == Z_OK || code == Z_STREAM_END), "{}: cannot be unpacked: {}", path_,
                       reason);
    return {buffer_.data(), static_cast<size_t>(count)};
  }

 private:
  std::string path_;
  gzFile file_;
  std::array<char, 1 << 16> buffer_;
};

void unpack(const fs::path& file, const fs::path& to) {
  const uint64_t limit = std::max(kSmallUnpacked, fs::file_size(file) * kLargestRatio);
  GzipReader reader(file);
  std::ofstream out(to, std::ios::binary | std::ios::trunc);
  uint64_t total = 0;
  for (std::string_view piece = reader.next(); !piece.empty(); piece = reader.next()) {
    throw_if_stop_requested();
    total += piece.size();
    require<DataError>(total <= limit, "{}: unpacks to more than {} times its size", file.string(), kLargestRatio);
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
  }
  out.close();
  require<std::runtime_error>(out.good(), "{}: cannot be written (disk full?)", to.string());
}

/// Unpacked copies of earlier states of the same file.
void remove_outdated(const fs::path& folder, const std::string& prefix, const fs::path& kept) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix + "-") && entry.path() != kept) fs::remove(entry.path(), ignored);
  }
}

}  // namespace

bool is_gzip(const fs::path& file) {
  std::array<char, 2> start{};
  std::ifstream(file, std::ios::binary).read(start.data(), start.size());
  return start[0] == '\x1F' && start[1] == '\x8B';
}

fs::path default_cache_dir() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return fs::path(cache) / "longclip";  // the standard ignores relative ones
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) / ".cache" / "longclip" : fs::path();
}

SampleIndex open_index(const fs::path& file, const MappedFile& mapped, const RowFormat& format,
                       const fs::path& cache_dir) {
  const std::string_view bytes = mapped.text();
  const IndexKey key{fs::absolute(file).string() + "\n" + format.parameters(), mapped.identity()};
  const fs::path path = cache_dir / "index" / (name_for(key.text) + ".idx");
  std::string why;
  if (cache_dir.empty()) return {build_index(file, bytes, format, key), key, bytes.size()};
  if (auto found = load_index(path, key, bytes.size(), why)) return std::move(*found);
  if (!make_writable(cache_dir, "index")) return {build_index(file, bytes, format, key), key, bytes.size()};
  const FolderLock lock(path.string() + ".lock");
  if (auto found = load_index(path, key, bytes.size(), why)) return std::move(*found);  // another process was quicker
  if (!why.empty())
    log_warning("{}: the index of {} is damaged ({}) and is made again", path.string(), file.string(), why);
  std::string built = build_index(file, bytes, format, key);
  try {
    write_file_atomically(path, built);
  } catch (const std::runtime_error& error) {
    log_warning("{}; the index stays in memory", error.what());
    return {std::move(built), key, bytes.size()};
  }
  return {std::make_unique<MappedFile>(path), key, bytes.size()};
}

fs::path plain_file_of(const fs::path& file, const fs::path& cache_dir) {
  if (!is_gzip(file)) return file;
  const FileIdentity identity = identity_of(file);
  const fs::path folder = cache_dir / "unpacked";
  const std::string prefix = name_for(fs::absolute(file).string());
  const std::string state = fmt::format("{} {} {}", identity.bytes, identity.modified_ns, identity.inode);
  // The name goes on as that of the compressed file does: formats look at it.
  const fs::path path = folder / (prefix + "-" + name_for(state).substr(0, 8) + file.stem().extension().string());
  if (!cache_dir.empty() && is_there(path)) return path;
  require<InputError>(!cache_dir.empty() && make_writable(cache_dir, "unpacked"),
                      "{}: is compressed, and there is no folder to unpack it into; set data.cache_dir, or gunzip it",
                      file.string());
  const FolderLock lock(folder / (prefix + ".lock"));
  if (is_there(path)) return path;
  const fs::path partial = path.string() + ".partial" + std::to_string(::getpid());
  log_info("{}: unpacking it into {}, once", file.string(), path.string());
  try {
    unpack(file, partial);
    sync_to_disk(partial);
    fs::rename(partial, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    throw;
  }
  remove_outdated(folder, prefix, path);
  return path;
}

}  // namespace longclip
