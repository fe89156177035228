#pragma once
// data/crop_cache.h -- the crops of one source, made once and kept in a file, for all epochs, runs and ranks of a machine.
// Slot i of the file belongs to row i and stands for itself: {identity, checksum, facts of the picture} and the pixels.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "image/decode.h"

namespace longclip {

/// What a picture file held, in Pillow's words: "JPEG", "RGB".
struct PictureFacts {
  int64_t width = 0;   ///< pixels
  int64_t height = 0;  ///< pixels
  std::string format;
  std::string mode;
  bool operator==(const PictureFacts&) const = default;
};

/// A picture as the model sees it. S: side in pixels.
struct Crop {
  std::vector<uint8_t> pixels_SS3;  ///< RGB
  PictureFacts picture;
  bool operator==(const Crop&) const = default;
};

/// What decides the bytes of a crop besides the picture file.
struct CropSettings {
  int64_t image_size = 224;  ///< S
  DecodeOptions decode;
};

/// Decodes a picture and cuts its crop. Throws DataError.
Crop make_crop(const std::string& encoded, const CropSettings& settings);

/// Several processes and threads may use one file at once, and any of them may be killed at any moment: a slot counts only
/// if its identity is that of the picture as it is now, and the checksum, which is written last, that of the pixels.
/// Thread-safety: all members may be called from several threads.
class CropCache {
 public:
  /// The file for this source and these settings in `cache_dir`, made with `rows` slots (as a sparse file) if it is not
  /// there; then the log says how large it can become. Null with a warning where that is not possible. A file that may
  /// only be read is read.
  static std::unique_ptr<CropCache> open(const std::filesystem::path& cache_dir, const std::filesystem::path& source,
                                         const CropSettings& settings, int64_t rows);
  ~CropCache();
  CropCache(const CropCache&) = delete;
  CropCache& operator=(const CropCache&) = delete;

  /// The crop of a row whose picture has this identity; nothing if it is not there, or damaged (with a warning).
  std::optional<Crop> find(int64_t row, const std::string& identity) const;
  /// Keeps a crop. A full disk is a warning, once, and ends the storing.
  void store(int64_t row, const std::string& identity, const Crop& crop);

  const std::filesystem::path& file() const { return path_; }
  /// Size of the file with all slots filled.
  uint64_t bytes() const { return slot_bytes_ * static_cast<uint64_t>(rows_); }

 private:
  struct Slot;
  CropCache(std::filesystem::path path, int descriptor, const CropSettings& settings, int64_t rows);
  bool grow();
  Slot read_slot(int64_t row) const;
  bool write_at(uint64_t offset, const void* data, size_t size) const;
  uint64_t offset_of(int64_t row) const { return slot_bytes_ * static_cast<uint64_t>(row); }

  const std::filesystem::path path_;
  const int descriptor_;
  const int64_t rows_;
  const size_t pixel_bytes_;
  const uint64_t slot_bytes_;
  std::atomic<bool> storing_ = true;
  mutable std::atomic<int64_t> damaged_ = 0;
  std::unique_ptr<MappedFile> mapped_;
};

}  // namespace longclip
