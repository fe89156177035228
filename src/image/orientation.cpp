// image/orientation.cpp -- finds EXIF and XMP in JPEG segments, PNG and WebP chunks, and transposes pictures.
// Source: Pillow 13, Image.getexif and ImageOps.exif_transpose.

#include "image/orientation.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "image/byte_reader.h"
#include "image/tiff_tags.h"

namespace longclip {
namespace {

using std::string_view_literals::operator""sv;
using Bytes = std::span<const uint8_t>;

struct Metadata {
  std::string exif;  ///< the pieces of a JPEG file one after another
  std::string xmp;
};

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void read_jpeg(ByteReader& in, Metadata& found) {
  constexpr std::string_view kExif = "Exif\0\0"sv;
  constexpr std::string_view kXmp = "http://ns.adobe.com/xap/1.0/\0"sv;
  in.set_order(ByteOrder::kBig);
  in.seek(2);
  while (in.left() >= 4) {
    if (in.u8() != 0xFF) continue;
    const uint8_t marker = in.u8();
    if (marker == 0xFF) in.seek(in.position() - 1);  // a fill byte
    if (marker == 0xDA || marker == 0xD9) return;    // the pixels, the end
    if (marker == 0xFF || marker == 0 || (marker >= 0xD0 && marker <= 0xD8) || marker == 1) continue;
    const uint16_t length = in.u16();
    if (length < 2) return;
    const std::string_view segment = text_of(in.bytes(length - 2));
    if (marker != 0xE1) continue;
    if (segment.starts_with(kExif)) found.exif += segment.substr(kExif.size());
    if (segment.starts_with(kXmp)) found.xmp = segment.substr(kXmp.size());
  }
}

void read_png(ByteReader& in, Metadata& found) {
  in.set_order(ByteOrder::kBig);
  in.seek(8);
  while (in.left() >= 8) {
    const uint32_t length = in.u32();
    const std::string_view name = text_of(in.bytes(4));
    const std::string_view data = text_of(in.bytes(length));
    if (name == "eXIf") found.exif = data;
    if (name == "iTXt" && data.starts_with("XML:com.adobe.xmp\0\0"sv)) found.xmp = data;
    in.bytes(std::min<uint64_t>(4, in.left()));  // checksum
  }
}

void read_webp(ByteReader& in, Metadata& found) {
  in.seek(12);
  while (in.left() >= 8) {
    const std::string_view name = text_of(in.bytes(4));
    const uint32_t length = in.u32();
    const std::string_view data = text_of(in.bytes(length));
    if (name == "EXIF" && found.exif.empty()) found.exif = data;
    if (name == "XMP " && found.xmp.empty()) found.xmp = data;
    in.bytes(std::min<uint64_t>(length % 2, in.left()));
  }
}

Metadata read_metadata(Bytes file, const std::string& format) {
  Metadata found;
  ByteReader in(file, "", format);
  try {
    if (format == "JPEG") read_jpeg(in, found);
    if (format == "PNG") read_png(in, found);
    if (format == "WEBP") read_webp(in, found);
  } catch (const DataError&) {
    // The file ends inside of a piece; what was found before counts.
  }
  return found;
}

Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

/// The column and row of the file's picture that come to (x, y) of the upright one. `last_*`: of the file's picture.
std::pair<int64_t, int64_t> source_of(uint64_t orientation, int64_t x, int64_t y, int64_t last_x, int64_t last_y) {
  switch (orientation) {
    case 2: return {last_x - x, y};
    case 3: return {last_x - x, last_y - y};
    case 4: return {x, last_y - y};
    case 5: return {y, x};
    case 6: return {y, last_y - x};
    case 7: return {last_x - y, last_y - x};
    case 8: return {last_x - y, x};
    default: return {x, y};
  }
}

}  // namespace

int xmp_orientation(Bytes xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  const std::string_view text = text_of(xmp);
  for (size_t at = text.find(kName); at != text.npos; at = text.find(kName, at + 1)) {
    std::string_view rest = text.substr(at + kName.size());
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with(">")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (rest.empty() || rest[0] < '0' || rest[0] > '9') continue;
    return rest[0] >= '1' && rest[0] <= '8' ? rest[0] - '0' : 1;
  }
  return 1;
}

int file_orientation(Bytes file, const std::string& format) {
  const Metadata found = read_metadata(file, format);
  std::string_view exif = found.exif;
  for (int i = 0; i < 2 && exif.starts_with("Exif\0\0"sv); ++i) exif.remove_prefix(6);
  try {
    const TiffTags tags = read_tiff_tags(bytes_of(exif), "EXIF", BrokenTags::kSkip);
    const uint64_t orientation = tags.first(kTiffOrientation).value_or(0);
    if (tags.has(kTiffOrientation)) return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  } catch (const DataError&) {
    // No EXIF, or none that can be read.
  }
  return xmp_orientation(bytes_of(found.xmp));
}

void apply_orientation(Picture& picture, uint64_t orientation) {
  if (orientation < 2 || orientation > 8) return;
  const int64_t width = picture.width;
  const int64_t height = picture.height;
  if (orientation >= 5) std::swap(picture.width, picture.height);
  const auto pixel_bytes = static_cast<size_t>(bytes_per_pixel(picture.mode));
  std::vector<uint8_t> turned(picture.bytes.size());
  uint8_t* out = turned.data();
  for (int64_t y = 0; y < picture.height; ++y) {
    for (int64_t x = 0; x < picture.width; ++x, out += pixel_bytes) {
      const auto [from_x, from_y] = source_of(orientation, x, y, width - 1, height - 1);
      std::memcpy(out, picture.bytes.data() + static_cast<size_t>(from_y * width + from_x) * pixel_bytes, pixel_bytes);
    }
  }
  picture.bytes = std::move(turned);
}

}  // namespace longclip
