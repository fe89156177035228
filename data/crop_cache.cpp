// data/crop_cache.cpp -- slots of one size in a sparse file: read through a mapping, written with pwrite(2), so that a full
// disk is an error and not a signal. Nothing in the file is believed without its checksum.
#include "data/crop_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "image/transform.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// Raise it whenever the pixels of any crop change for the same file, or the layout of a slot.
constexpr int kCropVersion = 1;
constexpr int64_t kNamedDamages = 10;
constexpr double kGigabyte = 1e9;

using Word = std::array<char, 8>;

Word to_word(const std::string& text) {
  Word word{};
  text.copy(word.data(), word.size());
  return word;
}

std::string to_text(const Word& word) { return {word.data(), ::strnlen(word.data(), word.size())}; }

/// Every setting that decides pixels, or whether a picture is taken at all.
std::string describe(const CropSettings& settings) {
  const auto& [max_pixels, load_truncated, exif_orientation] = settings.decode;  // a new one must be named here too
  return fmt::format("crop {} {} {} {} {}", kCropVersion, settings.image_size, max_pixels, load_truncated,
                     static_cast<int>(exif_orientation));
}

std::string free_space_of(const fs::path& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  return error ? "unknown" : fmt::format("{:.1f} GB", static_cast<double>(space.available) / kGigabyte);
}

/// Writable if possible. `made`: whether this process made the file.
int open_file(const fs::path& path, bool& made) {
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  made = descriptor >= 0;
  if (descriptor < 0) descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  return descriptor;
}

}  // namespace

struct CropCache::Slot {
  uint64_t identity = 0;  ///< hash of the picture's identity
  uint64_t checksum = 0;  ///< of the other fields and the pixels; 0 in an empty slot
  int64_t width = 0, height = 0;
  Word format{}, mode{};

  bool operator==(const Slot&) const = default;
  uint64_t checksum_with(const std::vector<uint8_t>& pixels) const {
    Slot others = *this;
    others.checksum = 0;
    const auto text = [](const void* data, size_t size) { return std::string_view(static_cast<const char*>(data), size); };
    return mix_keys(sha256_prefix(text(&others, sizeof others)), sha256_prefix(text(pixels.data(), pixels.size()))) | 1;
  }
};

Crop make_crop(const std::string& encoded, const CropSettings& settings) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(encoded.data()), encoded.size());
  const Picture picture = decode_picture(bytes, "broken picture", settings.decode);
  return {.pixels_SS3 = clip_crop(picture, settings.image_size),
          .picture = {picture.width, picture.height, picture.format, std::string(mode_name(picture.mode))}};
}

std::unique_ptr<CropCache> CropCache::open(const fs::path& cache_dir, const fs::path& source,
                                           const CropSettings& settings, int64_t rows) {
  if (cache_dir.empty()) {
    log_warning("data.crop_cache: there is no cache folder; set data.cache_dir");
    return {};
  }
  const fs::path folder = cache_dir / "crops";
  std::error_code error;
  fs::create_directories(folder, error);
  const std::string key = fs::absolute(source).string() + "\n" + describe(settings);
  const fs::path path = folder / (sha256_hex(key).substr(0, 32) + ".crops");
  bool made = false;
  const int descriptor = open_file(path, made);
  if (descriptor < 0) {
    log_warning("data.crop_cache: {} cannot be opened: {}; going on without it", path.string(), std::strerror(errno));
    return {};
  }
  std::unique_ptr<CropCache> cache(new CropCache(path, descriptor, settings, rows));
  if (!cache->grow()) return {};
  if (made) {
    log_info("{}: {} crops of {} x {} pixels are kept in {}, up to {:.1f} GB; free there: {}", source.string(), rows,
             settings.image_size, settings.image_size, path.string(), static_cast<double>(cache->bytes()) / kGigabyte,
             free_space_of(folder));
  }
  return cache;
}

CropCache::CropCache(fs::path path, int descriptor, const CropSettings& settings, int64_t rows)
    : path_(std::move(path)),
      descriptor_(descriptor),
      rows_(rows),
      pixel_bytes_(static_cast<size_t>(settings.image_size * settings.image_size * 3)),
      slot_bytes_((sizeof(Slot) + pixel_bytes_) / 64 * 64 + 64) {}  // at least one byte is left over: see grow()

CropCache::~CropCache() { ::close(descriptor_); }

/// Makes the file at least as large as all slots and maps it. It never shrinks: another process may use more slots.
bool CropCache::grow() {
  std::error_code error;
  const bool large_enough = fs::file_size(path_, error) >= bytes() && !error;
  // The last byte of a slot is no part of a crop, so this overwrites nothing, whoever else is filling the file.
  if (!large_enough && !write_at(bytes() - 1, "", 1)) {
    log_warning("data.crop_cache: {} cannot be written: {}; going on without it", path_.string(), std::strerror(errno));
    return false;
  }
  try {
    mapped_ = std::make_unique<MappedFile>(path_);
  } catch (const DataError& problem) {
    log_warning("data.crop_cache: {}; going on without it", problem.what());
    return false;
  }
  return mapped_->bytes().size() >= bytes();
}

/// An empty slot where nothing can be read. Not through the mapping: on a tmpfs that would take memory for every hole.
CropCache::Slot CropCache::read_slot(int64_t row) const {
  Slot slot;
  const ssize_t count = ::pread(descriptor_, &slot, sizeof slot, static_cast<off_t>(offset_of(row)));
  return count == static_cast<ssize_t>(sizeof slot) ? slot : Slot{};
}

std::optional<Crop> CropCache::find(int64_t row, const std::string& identity) const {
  require<std::out_of_range>(row >= 0 && row < rows_, "slot {} of {}", row, rows_);
  const Slot slot = read_slot(row);
  if (slot.checksum == 0 || slot.identity != sha256_prefix(identity)) return {};
  const uint8_t* pixels = mapped_->bytes().data() + offset_of(row) + sizeof(Slot);
  Crop crop{.pixels_SS3 = {pixels, pixels + pixel_bytes_},  // checked after copying: another process may be writing
            .picture = {slot.width, slot.height, to_text(slot.format), to_text(slot.mode)}};
  if (slot.checksum_with(crop.pixels_SS3) == slot.checksum) return crop;
  if (slot == read_slot(row) && damaged_.fetch_add(1) < kNamedDamages) {
    log_warning("{}: the crop of row {} is damaged; it is made again", path_.string(), row + 1);
  }
  return {};
}

void CropCache::store(int64_t row, const std::string& identity, const Crop& crop) {
  require<std::out_of_range>(row >= 0 && row < rows_, "slot {} of {}", row, rows_);
  require<std::invalid_argument>(crop.pixels_SS3.size() == pixel_bytes_, "a crop of {} bytes for slots of {}",
                                 crop.pixels_SS3.size(), pixel_bytes_);
  if (!storing_) return;
  Slot slot{.identity = sha256_prefix(identity),
            .width = crop.picture.width,
            .height = crop.picture.height,
            .format = to_word(crop.picture.format),
            .mode = to_word(crop.picture.mode)};
  slot.checksum = slot.checksum_with(crop.pixels_SS3);
  const Slot empty;
  const uint64_t offset = offset_of(row);
  const bool written = write_at(offset, &empty, sizeof empty) &&
                       write_at(offset + sizeof slot, crop.pixels_SS3.data(), pixel_bytes_) &&
                       write_at(offset, &slot, sizeof slot);
  if (!written && storing_.exchange(false) && errno != EBADF) {  // EBADF: opened for reading only
    log_warning("{}: no further crops are kept: {}", path_.string(), std::strerror(errno));
  }
}

bool CropCache::write_at(uint64_t offset, const void* data, size_t size) const {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::pwrite(descriptor_, bytes, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    offset += static_cast<uint64_t>(written);
    size -= static_cast<size_t>(written);
  }
  return true;
}

}  // namespace longclip
