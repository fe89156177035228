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

/// Bytes of a number of a field type; 0 for types that are not read.
uint64_t number_bytes(uint16_t tag, uint16_t type) {
  if (tag == kTiffXmp) return type == 1 || type == 2 || type == 7 ? 1 : 0;
  switch (type) {
    case 3: return 2;            // SHORT
    case 4: case 13: return 4;   // LONG, IFD
    case 16: case 18: return 8;  // LONG8, IFD8
    default: return 0;
  }
}

class DirectoryReader {
 public:
  DirectoryReader(ByteReader& in, bool is_big, uint64_t file_size, TiffTags& tags)
      : in_(in), is_big_(is_big), budget_(file_size), tags_(tags) {}

  void read() {
    const uint64_t count = is_big_ ? in_.u64() : in_.u16();
    for (uint64_t i = 0; i < count; ++i) read_entry();
  }

 private:
  void read_entry() {
    const uint16_t tag = in_.u16();
    const uint16_t type = in_.u16();
    const uint64_t count = is_big_ ? in_.u64() : in_.u32();
    const uint64_t room = is_big_ ? 8 : 4;
    const uint64_t after = in_.position() + room;
    const uint64_t unit = number_bytes(tag, type);
    const bool wanted = std::ranges::count(kWanted, tag) == 1 && unit > 0 && count > 0 && !tags_.has(tag);
    if (wanted && count <= budget_ / unit) {
      const uint64_t size = count * unit;
      if (size > room) {
        in_.seek(in_.number(room));
        budget_ -= size;  // overlapping tags cannot make more of a file than it holds
      }
      auto& values = tags_.values[tag];
      const uint64_t end = in_.position() + size;
      in_.bytes(size);
      in_.seek(end - size);
      values.reserve(count);
      for (uint64_t i = 0; i < count; ++i) values.push_back(in_.number(unit));
    }
    in_.seek(after);
    in_.bytes(0);
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

TiffTags read_tiff_tags(std::span<const uint8_t> file, const std::string& where) {
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
  try {
    DirectoryReader(in, is_big, file.size(), tags).read();
  } catch (const DataError&) {
    std::erase_if(tags.values, [](const auto& entry) { return entry.second.empty(); });
  }
  return tags;
}

}  // namespace longclip
