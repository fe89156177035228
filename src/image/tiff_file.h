#pragma once
// image/tiff_file.h -- the pixels of compressed TIFF files through libtiff, in memory. Used by image/tiff_decode.cpp only.

#include <cstdint>
#include <span>
#include <string>

#include "image/picture.h"
#include "image/tiff_layout.h"

struct tiff;

namespace longclip {

class TiffFile {
 public:
  /// REQUIRES: `file` and `where` outlive this. Throws DataError "WHERE: reason".
  TiffFile(std::span<const uint8_t> file, const std::string& where);
  ~TiffFile();
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;

  /// Fills picture.bytes, which has the layout's size. Throws DataError for broken data.
  void read_pixels(const TiffTags& tags, const TiffLayout& layout, Picture& picture);

 private:
  void check_blocks(const TiffTags& tags, const TiffLayout& layout) const;
  void check_work(const TiffLayout& layout, uint32_t count, uint64_t block_bytes) const;
  void check_subsampling(const TiffTags& tags, const TiffLayout& layout) const;
  void read_rgba(Picture& picture);
  void read_strips(const TiffLayout& layout, bool swapped, Picture& picture);
  void read_tiles(const TiffLayout& layout, bool swapped, Picture& picture);
  void check_row_bytes(const TiffLayout& layout, int64_t found, uint64_t pixels) const;
  [[noreturn]] void fail_broken() const;

  std::span<const uint8_t> file_;
  uint64_t position_ = 0;
  const std::string& where_;
  std::string message_;
  tiff* tiff_ = nullptr;
  friend struct TiffCallbacks;
};

}  // namespace longclip
