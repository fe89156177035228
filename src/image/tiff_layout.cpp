// image/tiff_layout.cpp -- TiffImagePlugin.py's choice of a mode (_setup, OPEN_INFO) and the unpackers that belong to it.

#include "image/tiff_layout.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace longclip {
namespace {

using Numbers = std::vector<uint64_t>;

Numbers numbers(const TiffTags& tags, uint16_t tag, Numbers otherwise) {
  const auto found = tags.values.find(tag);
  return found == tags.values.end() ? std::move(otherwise) : found->second;
}

/// What the choice of a mode looks at, after Pillow's corrections.
struct Key {
  uint64_t photometric;
  uint64_t bits;
  uint64_t samples;
  uint64_t format;  ///< of the samples: 1 unsigned, 2 signed, 3 float
  uint64_t fill;    ///< 2: the lowest bit of a byte comes first
  bool little;
  Numbers extra;

  bool is(uint64_t kind, uint64_t count) const { return photometric == kind && samples == count; }
};

Key make_key(const TiffTags& tags, const TiffLayout& layout, const std::string& where) {
  Key key{.photometric = layout.photometric,
          .bits = 1,
          .samples = 1,
          .format = 1,
          .fill = tags.get(kTiffFillOrder, 1),
          .little = tags.order == ByteOrder::kLittle,
          .extra = numbers(tags, kTiffExtraSamples, {})};
  const Numbers formats = numbers(tags, kTiffSampleFormat, {1});
  key.format = formats[0];
  const bool one_format = std::ranges::count(formats, formats[0]) == std::ssize(formats);
  Numbers bits = numbers(tags, kTiffBitsPerSample, {1});
  const bool old_jpeg = layout.compression == 6;
  key.samples = tags.get(kTiffSamplesPerPixel, old_jpeg ? 3 : 1);
  if (layout.planar && !key.extra.empty() && std::ranges::max(key.extra) == 0) {
    bits.resize(bits.size() - std::min(bits.size(), key.extra.size()));
    key.samples -= std::min<uint64_t>(key.samples, key.extra.size());
    key.extra.clear();
  }
  require<DataError>(one_format && key.samples >= 1 && key.samples <= 6 && !bits.empty(),
                     "{}: a TIFF file of {} samples a pixel is not read", where, key.samples);
  if (bits.size() == 1) bits.resize(key.samples, bits[0]);
  bits.resize(std::min<size_t>(bits.size(), key.samples));
  key.bits = bits[0];
  const bool even = bits.size() == key.samples && std::ranges::count(bits, bits[0]) == std::ssize(bits);
  require<DataError>(even, "{}: a TIFF file with samples of different sizes is not read", where);
  return key;
}

/// One sample a pixel: bilevel, grey, numbers, palette.
bool choose_single(const Key& key, TiffLayout& layout) {
  const bool small = key.bits == 1 || key.bits == 2 || key.bits == 4 || key.bits == 8;
  if (!key.extra.empty()) return false;
  if (key.photometric == 3) {
    layout.mode = PictureMode::kPalette;
    return small && key.format == 1 && (key.fill == 1 || key.bits == 8 || layout.compression != 1);
  }
  if (key.photometric == 6) {
    layout.mode = PictureMode::kGrey;
    return key.bits == 8 && key.format == 1 && key.fill == 1;
  }
  if (key.photometric > 1) return false;
  layout.inverted = key.photometric == 0 && small;
  layout.is_signed = key.format == 2;
  if (small) {
    // Pillow has no unpackers for these where it reads the pixels itself.
    if (key.fill == 2 && layout.compression == 1 && key.photometric == 0 && key.bits == 8) return false;
    layout.mode = key.bits == 1 ? PictureMode::kBilevel : PictureMode::kGrey;
    return key.format == 1 || (key.photometric == 1 && key.bits == 8 && key.format == 2 && key.fill == 1);
  }
  const bool black_is_zero = key.photometric == 1;
  layout.mode = key.little ? PictureMode::kGrey16 : PictureMode::kGrey16Swapped;
  if (key.bits == 12) return black_is_zero && key.format == 1 && key.little && key.fill == 1;
  if (key.bits == 16 && key.format == 1) return (key.little || black_is_zero) && (key.fill == 1 || (key.little && black_is_zero));
  if (key.fill != 1) return false;
  layout.mode = key.format == 3 ? PictureMode::kFloat32 : PictureMode::kInt32;
  if (key.bits == 16) return black_is_zero && key.format == 2;
  if (key.bits != 32) return false;
  return key.format == 3 || (black_is_zero && (key.format == 2 || (key.format == 1 && key.little)));
}

/// The meaning of the extra samples behind `colors`: nothing, alpha (1 multiplied, 2 not); all others must be 0.
bool choose_alpha(const Key& key, uint64_t colors, TiffLayout& layout) {
  const uint64_t first = key.extra.empty() ? 0 : key.extra[0];
  if (key.extra.size() != key.samples - colors || first > 2) return false;
  if (std::ranges::count_if(key.extra, [](uint64_t kind) { return kind != 0; }) > (first != 0 ? 1 : 0)) return false;
  layout.kept = colors + (first != 0 ? 1 : 0);
  layout.premultiplied = first == 1;
  return true;
}

bool choose_several(const Key& key, TiffLayout& layout) {
  if (key.format != 1 || (key.bits != 8 && key.bits != 16)) return false;
  const bool wide = key.bits == 16;
  if (key.is(1, 2) || key.is(3, 2)) {
    if (wide || key.fill != 1 || !choose_alpha(key, 1, layout)) return false;
    const bool has_alpha = layout.kept == 2;
    layout.mode = key.photometric == 3 ? PictureMode::kPalette : has_alpha ? PictureMode::kGreyAlpha : PictureMode::kGrey;
    return !layout.premultiplied && !(has_alpha && key.photometric == 3);
  }
  if (key.is(6, 3)) {
    layout.mode = PictureMode::kYcbcr;
    layout.kept = 3;
    return !wide && key.fill == 1 && key.extra.empty();
  }
  if (key.photometric == 5 && key.samples >= 4) {
    layout.mode = PictureMode::kCmyk;
    return key.fill == 1 && (!wide || key.samples == 4) && choose_alpha(key, 4, layout) && layout.kept == 4;
  }
  if (key.photometric != 2 || key.samples < 3) return false;
  if (key.fill != 1 && (wide || key.samples != 3 || !key.extra.empty())) return false;
  const bool unnamed_alpha = key.samples == 4 && (key.extra.empty() || (!wide && key.extra == Numbers{999}));
  if (unnamed_alpha) layout.kept = 4;
  if (unnamed_alpha && layout.planar) layout.premultiplied = key.extra.empty();  // libtiff's guess
  if (!unnamed_alpha && !choose_alpha(key, 3, layout)) return false;
  layout.mode = layout.kept == 4 ? PictureMode::kRgba : PictureMode::kRgb;
  return !wide || key.samples <= 4;
}

template <class Sample> Sample load(const uint8_t* bytes, bool swapped) {
  uint8_t ordered[sizeof(Sample)];
  std::memcpy(ordered, bytes, sizeof(Sample));
  if (swapped) std::reverse(std::begin(ordered), std::end(ordered));
  Sample value;
  std::memcpy(&value, ordered, sizeof(Sample));
  return value;
}

/// Sample i of a row of samples of at most 12 bits, as its number.
unsigned packed_sample(const TiffLayout& layout, const uint8_t* bytes, uint64_t i) {
  if (layout.bits == 8) return bytes[i];
  const uint64_t bit = i * layout.bits;
  if (layout.bits == 12) {
    const unsigned pair = static_cast<unsigned>(bytes[bit / 8]) << 8 | bytes[bit / 8 + 1];
    return bit % 8 == 0 ? pair >> 4 : pair & 0xFFF;
  }
  return static_cast<unsigned>(bytes[bit / 8]) >> (8 - layout.bits - bit % 8) & ((1U << layout.bits) - 1);
}

/// 8 bits of a sample of 8 or 16.
uint8_t byte_sample(const TiffLayout& layout, const TiffRow& row, uint64_t i) {
  if (layout.bits == 16) return static_cast<uint8_t>(load<uint16_t>(row.bytes + 2 * i, row.swapped) >> 8);
  return row.bytes[i];
}

void unpack_single(const TiffLayout& layout, const TiffRow& row, uint8_t* out) {
  const bool is_palette = layout.mode == PictureMode::kPalette;
  const unsigned full = is_palette ? 1 : 255 / ((1U << std::min<uint64_t>(layout.bits, 8)) - 1);
  for (uint64_t x = 0; x < row.pixels; ++x) {
    const unsigned value = packed_sample(layout, row.bytes, x) * full;
    out[x] = static_cast<uint8_t>(layout.inverted ? 255 - value : value);
  }
}

void unpack_numbers(const TiffLayout& layout, const TiffRow& row, uint8_t* out) {
  for (uint64_t x = 0; x < row.pixels; ++x) {
    if (layout.bits == 32) {
      const auto value = load<uint32_t>(row.bytes + 4 * x, row.swapped);
      std::memcpy(out + 4 * x, &value, 4);
    } else if (layout.is_signed) {
      const int32_t value = load<int16_t>(row.bytes + 2 * x, row.swapped);
      std::memcpy(out + 4 * x, &value, 4);
    } else {
      auto value = static_cast<uint16_t>(layout.bits == 12 ? packed_sample(layout, row.bytes, x)
                                                           : load<uint16_t>(row.bytes + 2 * x, row.swapped));
      if (layout.mode == PictureMode::kGrey16Swapped) value = static_cast<uint16_t>(value >> 8 | value << 8);
      std::memcpy(out + 2 * x, &value, 2);
    }
  }
}

}  // namespace

TiffLayout tiff_layout(const TiffTags& tags, const std::string& where) {
  TiffLayout layout;
  layout.width = tags.get(kTiffWidth, 0);
  layout.height = tags.get(kTiffHeight, 0);
  layout.compression = tags.get(kTiffCompression, 1);
  layout.photometric = layout.compression == 6 ? 6 : tags.get(kTiffPhotometric, 0);
  layout.planar = tags.get(kTiffPlanarConfiguration, 1) == 2;
  require<DataError>(layout.photometric != 8, "{}: TIFF files in CIELAB colours are not read", where);
  const Key key = make_key(tags, layout, where);
  layout.bits = key.bits;
  layout.samples = key.samples;
  const bool known = (key.fill == 1 || key.fill == 2) &&
                     (key.samples == 1 ? choose_single(key, layout) : choose_several(key, layout));
  require<DataError>(known, "{}: TIFF files of this kind are not read (photometric interpretation {}, {} x {} bits)", where,
                     key.photometric, key.samples, key.bits);
  return layout;
}

void unpack_tiff_row(const TiffLayout& layout, const TiffRow& row, uint8_t* out) {
  if (layout.samples == 1 && layout.bits > 8) return unpack_numbers(layout, row, out);
  if (layout.samples == 1) return unpack_single(layout, row, out);
  for (uint64_t x = 0; x < row.pixels; ++x) {
    for (uint64_t c = 0; c < layout.kept; ++c)
      out[x * layout.kept + c] = byte_sample(layout, row, x * layout.samples + c);
  }
  if (layout.premultiplied) unmultiply_tiff_row(out, row.pixels, true);
}

void unpack_tiff_plane(const TiffLayout& layout, const TiffRow& row, uint64_t plane, uint8_t* out) {
  for (uint64_t x = 0; x < row.pixels; ++x) out[x * layout.kept + plane] = byte_sample(layout, row, x);
}

void unmultiply_tiff_row(uint8_t* rgba, uint64_t pixels, bool clear) {
  for (uint8_t* pixel = rgba; pixel != rgba + 4 * pixels; pixel += 4) {
    const unsigned alpha = pixel[3];
    if (alpha == 0 && clear) std::fill_n(pixel, 3, uint8_t{0});
    if (alpha == 0 || alpha == 255) continue;
    for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(std::min(255U * pixel[c] / alpha, 255U));
  }
}

}  // namespace longclip
