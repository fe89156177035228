// image/pnm_decode.cpp -- the portable anymap formats as Pillow's PpmImagePlugin.py reads them: more than 8 bits of grey
// become 32-bit integers scaled to 65535, more than 8 bits of a colour are scaled to 255, halves go to the even number.

#include "image/pnm_decode.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "base/error.h"

namespace longclip {
namespace {

constexpr size_t kMaxToken = 10;  // Pillow's limit

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct Kind {
  std::string_view magic;
  PictureMode mode;
  bool is_text;
};
constexpr Kind kKinds[] = {
    {"P1", PictureMode::kBilevel, true},    {"P2", PictureMode::kGrey, true},     {"P3", PictureMode::kRgb, true},
    {"P4", PictureMode::kBilevel, false},   {"P5", PictureMode::kGrey, false},    {"P6", PictureMode::kRgb, false},
    {"P0CMYK", PictureMode::kCmyk, false},  {"Pf", PictureMode::kFloat32, false}, {"PyP", PictureMode::kPalette, false},
    {"PyRGBA", PictureMode::kRgba, false},  {"PyCMYK", PictureMode::kCmyk, false}};

class PnmReader {
 public:
  PnmReader(std::span<const uint8_t> file, const std::string& where)
      : text_(reinterpret_cast<const char*>(file.data()), file.size()), where_(where) {}

  /// Up to six characters, to the next white space, which is read too.
  std::string_view magic();
  /// The next word of the header; the white space behind it is read too.
  std::string header_token();
  uint64_t header_number();
  /// The next word of the pixels of a text file; empty at the end.
  std::string pixel_token();
  /// The next character of a text bitmap; 0 at the end.
  char bitmap_character();

  size_t left() const { return text_.size() - position_; }
  const char* here() const { return text_.data() + position_; }
  uint64_t parse(const std::string& token) const;
  template <class... Args> void check(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    if (!condition) fail<DataError>("{}: broken PNM file: {}", where_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  bool at_end() const { return position_ == text_.size(); }
  /// Past the rest of a comment and, as in Pillow, the end of its line: the words on both sides become one.
  void skip_comment() {
    while (!at_end() && text_[position_] != '\n' && text_[position_] != '\r') ++position_;
    if (!at_end()) ++position_;
  }

  std::string_view text_;
  const std::string& where_;
  size_t position_ = 0;
};

std::string_view PnmReader::magic() {
  const size_t start = position_;
  while (!at_end() && position_ - start < 6 && !is_space(text_[position_])) ++position_;
  const std::string_view found = text_.substr(start, position_ - start);
  if (!at_end() && found.size() < 6) ++position_;
  return found;
}

std::string PnmReader::header_token() {
  std::string token;
  while (token.size() <= kMaxToken && !at_end()) {
    const char c = text_[position_++];
    if (is_space(c)) {
      if (!token.empty()) break;
    } else if (c == '#') {
      skip_comment();
    } else {
      token += c;
    }
  }
  check(!token.empty(), "its header is cut");
  check(token.size() <= kMaxToken, "a number of its header is too long");
  return token;
}

uint64_t PnmReader::parse(const std::string& token) const {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  check(error == std::errc() && end == token.data() + token.size(), "a number that is none");
  return value;
}

uint64_t PnmReader::header_number() { return parse(header_token()); }

std::string PnmReader::pixel_token() {
  std::string token;
  while (!at_end()) {
    const char c = text_[position_++];
    if (c == '#') {
      skip_comment();
    } else if (!is_space(c)) {
      token += c;
      check(token.size() <= kMaxToken, "a number is too long");
    } else if (!token.empty()) {
      break;
    }
  }
  return token;
}

char PnmReader::bitmap_character() {
  while (!at_end()) {
    const char c = text_[position_++];
    if (c == '#') skip_comment();
    if (c != '#' && !is_space(c)) return c;
  }
  return 0;
}

/// Python's round(value / maximum * full).
uint32_t scaled(uint64_t value, uint64_t maximum, uint32_t full) {
  return static_cast<uint32_t>(std::nearbyint(static_cast<double>(value) / static_cast<double>(maximum) * full));
}

void store(Picture& picture, size_t sample, uint32_t value) {
  if (picture.mode == PictureMode::kInt32) {
    std::memcpy(picture.bytes.data() + 4 * sample, &value, sizeof(value));
  } else {
    picture.bytes[sample] = static_cast<uint8_t>(value);
  }
}

size_t samples_of(const Picture& picture) {
  return picture.bytes.size() / (picture.mode == PictureMode::kInt32 ? 4 : 1);
}

uint32_t full_value(const Picture& picture) { return picture.mode == PictureMode::kInt32 ? 65535 : 255; }

void read_text(PnmReader& in, uint64_t maximum, Picture& picture) {
  const uint32_t full = full_value(picture);
  for (size_t i = 0; i < samples_of(picture); ++i) {
    const std::string token = in.pixel_token();
    in.check(!token.empty(), "it is truncated");
    const uint64_t value = in.parse(token);
    in.check(value <= maximum, "a value above the largest one");
    store(picture, i, scaled(value, maximum, full));
  }
}

void read_text_bitmap(PnmReader& in, Picture& picture) {
  for (uint8_t& byte : picture.bytes) {
    const char c = in.bitmap_character();
    in.check(c != 0, "it is truncated");
    in.check(c == '0' || c == '1', "a pixel that is neither 0 nor 1");
    byte = c == '0' ? 255 : 0;
  }
  for (char c = in.bitmap_character(); c != 0; c = in.bitmap_character()) {
    in.check(c == '0' || c == '1', "a character behind its pixels that is neither 0 nor 1");
  }
}

void read_bitmap(PnmReader& in, Picture& picture) {
  const auto width = static_cast<size_t>(picture.width);
  const size_t stride = (width + 7) / 8;
  for (size_t i = 0; i < picture.bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(in.here()[i / width * stride + i % width / 8]);
    picture.bytes[i] = (byte >> (7 - i % width % 8) & 1) != 0 ? 0 : 255;
  }
}

void read_samples(PnmReader& in, uint64_t maximum, Picture& picture) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(in.here());
  const uint32_t full = full_value(picture);
  for (size_t i = 0; i < samples_of(picture); ++i) {
    const uint32_t value = maximum < 256 ? bytes[i] : uint32_t{bytes[2 * i]} << 8 | bytes[2 * i + 1];
    store(picture, i, maximum == full ? value : std::min(full, scaled(value, maximum, full)));
  }
}

/// Rows from the bottom on.
void read_floats(PnmReader& in, bool little_endian, Picture& picture) {
  const auto stride = static_cast<size_t>(picture.width) * 4;
  const bool swap = little_endian != (std::endian::native == std::endian::little);
  for (size_t y = 0; y < static_cast<size_t>(picture.height); ++y) {
    uint8_t* row = picture.bytes.data() + (static_cast<size_t>(picture.height) - 1 - y) * stride;
    std::memcpy(row, in.here() + y * stride, stride);
    for (size_t x = 0; swap && x < stride; x += 4) std::swap(row[x], row[x + 3]), std::swap(row[x + 1], row[x + 2]);
  }
}

/// The header's last number: the scale of floats, whose sign is the byte order.
double read_scale(PnmReader& in) {
  const std::string token = in.header_token();
  double scale = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), scale);
  const bool good = error == std::errc() && end == token.data() + token.size() && std::isfinite(scale) && scale != 0;
  in.check(good, "its scale must be a finite number other than 0");
  return scale;
}

}  // namespace

Picture decode_pnm(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  PnmReader in(file, where);
  const std::string_view magic = in.magic();
  const auto* kind = std::ranges::find(kKinds, magic, &Kind::magic);
  in.check(kind != std::end(kKinds), "it begins like one, but not with P1 to P6 or Pf");
  const uint64_t width = in.header_number();
  const uint64_t height = in.header_number();
  PictureMode mode = kind->mode;
  const double scale = mode == PictureMode::kFloat32 ? read_scale(in) : 1;
  const bool has_maximum = mode != PictureMode::kFloat32 && mode != PictureMode::kBilevel;
  const uint64_t maximum = has_maximum ? in.header_number() : 255;
  in.check(maximum > 0 && maximum < 65536, "its largest value must lie between 1 and 65535");
  if (maximum > 255 && mode == PictureMode::kGrey) mode = PictureMode::kInt32;
  require_allowed_size(width, height, where, options);

  const bool is_bitmap = mode == PictureMode::kBilevel;
  const uint64_t channels = mode == PictureMode::kInt32 ? 1 : static_cast<uint64_t>(bytes_per_pixel(mode));
  uint64_t needed = is_bitmap ? (width + 7) / 8 * height : width * height * channels * (maximum > 255 ? 2 : 1);
  if (kind->is_text) needed = is_bitmap ? width * height : width * height * channels * 2 - 1;
  require<DataError>(needed <= in.left(), "{}: the PNM file is truncated", where);

  Picture picture = blank_picture("PPM", mode, width, height);
  if (is_bitmap) {
    kind->is_text ? read_text_bitmap(in, picture) : read_bitmap(in, picture);
  } else if (mode == PictureMode::kFloat32) {
    read_floats(in, scale < 0, picture);
  } else {
    kind->is_text ? read_text(in, maximum, picture) : read_samples(in, maximum, picture);
  }
  return picture;
}

}  // namespace longclip
