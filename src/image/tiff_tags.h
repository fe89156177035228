#pragma once
// image/tiff_tags.h -- the numbers in the first directory of a TIFF file or of EXIF data, as Pillow reads them.
// libtiff corrects what it reads (it adds extra samples, for one), and the mode that Pillow chooses depends on the raw tags.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "image/byte_reader.h"

namespace longclip {

inline constexpr uint16_t kTiffWidth = 256;
inline constexpr uint16_t kTiffHeight = 257;
inline constexpr uint16_t kTiffBitsPerSample = 258;
inline constexpr uint16_t kTiffCompression = 259;
inline constexpr uint16_t kTiffPhotometric = 262;
inline constexpr uint16_t kTiffFillOrder = 266;
inline constexpr uint16_t kTiffStripOffsets = 273;
inline constexpr uint16_t kTiffOrientation = 274;
inline constexpr uint16_t kTiffSamplesPerPixel = 277;
inline constexpr uint16_t kTiffRowsPerStrip = 278;
inline constexpr uint16_t kTiffPlanarConfiguration = 284;
inline constexpr uint16_t kTiffColorMap = 320;
inline constexpr uint16_t kTiffTileWidth = 322;
inline constexpr uint16_t kTiffTileHeight = 323;
inline constexpr uint16_t kTiffTileOffsets = 324;
inline constexpr uint16_t kTiffExtraSamples = 338;
inline constexpr uint16_t kTiffSampleFormat = 339;
inline constexpr uint16_t kTiffSubsampling = 530;
inline constexpr uint16_t kTiffXmp = 700;

struct TiffTags {
  ByteOrder order = ByteOrder::kLittle;
  /// Of the tags above that are there and whole: SHORT, LONG, LONG8 and IFD numbers, for kTiffXmp bytes.
  std::map<uint16_t, std::vector<uint64_t>> values;

  bool sorted = true;  ///< each tag above the one before

  bool has(uint16_t tag) const { return values.contains(tag); }
  std::optional<uint64_t> first(uint16_t tag) const;
  /// The first value, or `otherwise` where the tag is missing.
  uint64_t get(uint16_t tag, uint64_t otherwise) const { return first(tag).value_or(otherwise); }
};

enum class BrokenTags { kRefuse, kSkip };

/// Throws DataError "WHERE: reason" if this is no TIFF. Tags that are cut, of another type or larger than the file are
/// refused too, or left out.
TiffTags read_tiff_tags(std::span<const uint8_t> file, const std::string& where, BrokenTags broken = BrokenTags::kRefuse);

}  // namespace longclip
