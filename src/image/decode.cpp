// image/decode.cpp -- recognises the format of a picture file by its first bytes and hands it to its decoder.

#include "image/decode.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "image/jpeg_decode.h"
#include "image/png_decode.h"

namespace longclip {
namespace {

struct Signature {
  size_t offset;
  std::string_view bytes;
  std::string_view format;
};

using std::string_view_literals::operator""sv;

/// First match wins. Only the first two are decoded; the others exist for an error message that helps.
constexpr Signature kSignatures[] = {
    {0, "\xFF\xD8\xFF"sv, "JPEG"},
    {0, "\x89PNG\r\n\x1A\n"sv, "PNG"},
    {0, "GIF8"sv, "GIF"},
    {8, "WEBP"sv, "WebP"},
    {0, "BM"sv, "BMP"},
    {0, "II*\0"sv, "TIFF"},
    {0, "MM\0*"sv, "TIFF"},
    {0, "II+\0"sv, "TIFF"},
    {0, "MM\0+"sv, "TIFF"},
    {4, "ftypavif"sv, "AVIF"},
    {4, "ftyp"sv, "HEIF or MP4"},
    {0, "\0\0\1\0"sv, "ICO"},
    {0, "\0\0\2\0"sv, "CUR"},
    {0, "\xFF\x0A"sv, "JPEG XL"},
    {4, "JXL \r\n"sv, "JPEG XL"},
    {4, "jP  \r\n"sv, "JPEG 2000"},
    {0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
    {0, "8BPS"sv, "PSD"},
    {0, "%PDF"sv, "PDF"},
    {0, "P1"sv, "PNM"},
    {0, "P2"sv, "PNM"},
    {0, "P3"sv, "PNM"},
    {0, "P4"sv, "PNM"},
    {0, "P5"sv, "PNM"},
    {0, "P6"sv, "PNM"},
    {0, "PK\3\4"sv, "ZIP"},
    {0, "\x1F\x8B"sv, "gzip"},
    {0, "<"sv, "HTML, XML or SVG"},
};

std::string_view detect_format(std::span<const uint8_t> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  for (const Signature& signature : kSignatures) {
    if (text.size() > signature.offset && text.substr(signature.offset).starts_with(signature.bytes)) {
      return signature.format;
    }
  }
  return {};
}

/// Every byte of the beginning is printable ASCII or white space.
bool looks_like_text(std::span<const uint8_t> file) {
  const auto start = file.first(std::min<size_t>(file.size(), 512));
  return std::ranges::all_of(start, [](uint8_t c) { return (c >= 32 && c < 127) || (c >= 9 && c <= 13); });
}

}  // namespace

Picture decode_picture(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  require<DataError>(!file.empty(), "{}: the file is empty", where);
  const std::string_view format = detect_format(file);
  if (format == "JPEG") return decode_jpeg(file, where, options);
  if (format == "PNG") return decode_png(file, where, options);
  require<DataError>(!format.empty(), "{}: {}; pictures must be JPEG or PNG", where,
                     looks_like_text(file) ? "this is text, not a picture" : "not a known picture format");
  fail<DataError>("{}: {} files are not read; convert it to PNG or JPEG", where, format);
}

}  // namespace longclip
