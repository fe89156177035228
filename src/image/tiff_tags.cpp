// image/tiff_tags.cpp -- classic TIFF and BigTIFF directories of either byte order, after Pillow's ImageFileDirectory_v2.

#include "image/tiff_tags.h"

#include <algorithm>

namespace longclip {
namespace {

constexpr uint16_t kWanted[] = {kTiffWidth,         kTiffHeight,          kTiffBitsPerSample, kTiffCompression,
                                kTiffPhotometric,   kTiffFillOrder,       kTiffStripOffsets,  kTiffOrientation,
                                kTiffRowsPerStrip,  kTiffSamplesPerPixel, kTiffColorMap,      kTiffPlanarConfiguration,
                                kTiffTileWidth,     kTiffTileHeight,      kTiffTileOffsets,   kTiffExtraSamples,
                                kTiffSampleFormat,  kTiffSubsampling,     kTiffXmp};

/// Bytes of a number of a field type; 0 for types that do not exist.
uint64_t number_bytes(uint16_t type) {
  switch (type) {
    case 1: case 2: case 6: case 7: return 1;               // BYTE, ASCII, SBYTE, UNDEFINED
    case 3: case 8: return 2;                               // SHORT, SSHORT
    case 4: case 9: case 11: case 13: return 4;             // LONG, SLONG, FLOAT, IFD
    case 5: case 10: case 12: case 16: return 8;            // RATIONAL, SRATIONAL, DOUBLE, LONG8
    default: return 0;
  }
}

bool is_good_type(uint16_t tag, uint16_t type) {
  if (tag == kTiffXmp) return number_bytes(type) == 1;
  return type == 3 || type == 4 || type == 13 || type == 16;
}

class DirectoryReader {
 public:
  DirectoryReader(ByteReader& in, bool is_big, uint64_t file_size, TiffTags& tags)
      : in_(in), is_big_(is_big), budget_(file_size), tags_(tags) {}

  /// `broken`: a tag that is wanted and cannot be used.
  template <class Broken> void read(Broken&& broken) {
    const uint64_t count = is_big_ ? in_.u64() : in_.u16();
    int previous = -1;
    for (uint64_t i = 0; i < count; ++i) {
      const uint16_t tag = in_.u16();
      if (!read_entry(tag)) broken(tag);
      tags_.sorted = tags_.sorted && tag > previous;
      previous = tag;
    }
  }

 private:
  /// False for a tag that is wanted and of another type, empty or too large.
  bool read_entry(uint16_t tag) {
    const uint16_t type = in_.u16();
    const uint64_t count = is_big_ ? in_.u64() : in_.u32();
    const uint64_t room = is_big_ ? 8 : 4;
    const uint64_t after = in_.position() + room;
    const bool wanted = std::ranges::count(kWanted, tag) == 1 && !tags_.has(tag);
    const uint64_t unit = number_bytes(type);
    // All tags together hold no more than the file, so that overlapping ones cannot make much of a small file.
    const bool fits = unit > 0 && count <= budget_ / unit;
    const uint64_t size = fits ? count * unit : budget_;
    if (size > room && unit > 0) budget_ -= size;
    const bool good = wanted && fits && count > 0 && is_good_type(tag, type);
    if (good) {
      if (size > room) in_.seek(in_.number(room));
      const uint64_t start = in_.position();
      in_.bytes(size);
      in_.seek(start);
      auto& values = tags_.values[tag];
      values.reserve(count);
      for (uint64_t i = 0; i < count; ++i) values.push_back(in_.number(unit));
    }
    in_.seek(after);
    in_.bytes(0);
    return good || !wanted;
  }

  ByteReader& in_;
  bool is_big_;
  uint64_t budget_;
  TiffTags& tags_;
};

}  // namespace

std::optional<uint64_t> TiffTags::first(uint16_t tag) const {
  const auto found = values.find(tag);
  if (found == values.end() || found->second.empty()) return std::nullopt;
  return found->second.front();
}

TiffTags read_tiff_tags(std::span<const uint8_t> file, const std::string& where, BrokenTags broken) {
  ByteReader in(file, where, "TIFF");
  TiffTags tags;
  const uint16_t order = in.u16();
  require<DataError>(order == 0x4949 || order == 0x4D4D, "{}: not a TIFF file", where);
  tags.order = order == 0x4D4D ? ByteOrder::kBig : ByteOrder::kLittle;
  in.set_order(tags.order);
  const uint16_t version = in.u16();
  const bool known = version == 42 || (version == 43 && tags.order == ByteOrder::kLittle);  // Pillow's choice
  require<DataError>(known, "{}: a TIFF file of version {} is not read", where, version);
  const bool is_big = version == 43;
  if (is_big) in.u32();  // the size of offsets
  in.seek(is_big ? in.u64() : in.u32());
  DirectoryReader directory(in, is_big, file.size(), tags);
  if (broken == BrokenTags::kRefuse) {
    directory.read([&](uint16_t tag) { fail<DataError>("{}: broken TIFF file: tag {} cannot be read", where, tag); });
    return tags;
  }
  try {
    directory.read([](uint16_t) {});
  } catch (const DataError&) {
    // Cut: what came before counts.
  }
  return tags;
}

}  // namespace longclip
