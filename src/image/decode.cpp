// image/decode.cpp -- recognises the format of a picture file by its first bytes and hands it to its decoder.

#include "image/decode.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "image/bmp_decode.h"
#include "image/gif_decode.h"
#include "image/jpeg_decode.h"
#include "image/orientation.h"
#include "image/png_decode.h"
#include "image/pnm_decode.h"
#include "image/tiff_decode.h"
#include "image/webp_decode.h"

namespace longclip {
namespace {

using std::string_view_literals::operator""sv;

using Decoder = Picture (*)(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options);

struct Format {
  size_t offset;
  std::string_view bytes;
  std::string_view name;
  Decoder decode;  ///< null: only named in the error message
};

/// First match wins.
constexpr Format kFormats[] = {
    {0, "\xFF\xD8\xFF"sv, "JPEG", decode_jpeg},
    {0, "\x89PNG\r\n\x1A\n"sv, "PNG", decode_png},
    {0, "GIF87a"sv, "GIF", decode_gif},
    {0, "GIF89a"sv, "GIF", decode_gif},
    {8, "WEBPVP8 "sv, "WebP", decode_webp},
    {8, "WEBPVP8L"sv, "WebP", decode_webp},
    {8, "WEBPVP8X"sv, "WebP", decode_webp},
    {0, "BM"sv, "BMP", decode_bmp},
    {0, "II*\0"sv, "TIFF", decode_tiff},
    {0, "MM\0*"sv, "TIFF", decode_tiff},
    {0, "II+\0"sv, "TIFF", decode_tiff},
    {0, "MM\0+"sv, "big-endian BigTIFF", nullptr},
    {0, "P0"sv, "PNM", decode_pnm},
    {0, "P1"sv, "PNM", decode_pnm},
    {0, "P2"sv, "PNM", decode_pnm},
    {0, "P3"sv, "PNM", decode_pnm},
    {0, "P4"sv, "PNM", decode_pnm},
    {0, "P5"sv, "PNM", decode_pnm},
    {0, "P6"sv, "PNM", decode_pnm},
    {0, "Pf"sv, "PNM", decode_pnm},
    {0, "Py"sv, "PNM", decode_pnm},
    {0, "P7\n"sv, "PAM", nullptr},
    {0, "PF\n"sv, "colour PFM", nullptr},
    {4, "ftypavif"sv, "AVIF", nullptr},
    {4, "ftyp"sv, "HEIF or MP4", nullptr},
    {0, "\0\0\1\0"sv, "ICO", nullptr},
    {0, "\0\0\2\0"sv, "CUR", nullptr},
    {0, "\xFF\x0A"sv, "JPEG XL", nullptr},
    {4, "JXL \r\n"sv, "JPEG XL", nullptr},
    {4, "jP  \r\n"sv, "JPEG 2000", nullptr},
    {0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000", nullptr},
    {0, "8BPS"sv, "PSD", nullptr},
    {0, "%PDF"sv, "PDF", nullptr},
    {0, "PK\3\4"sv, "ZIP", nullptr},
    {0, "\x1F\x8B"sv, "gzip", nullptr},
    {0, "<"sv, "HTML, XML or SVG", nullptr},
};

const Format* find_format(std::span<const uint8_t> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const auto* found = std::ranges::find_if(kFormats, [&](const Format& format) {
    return text.size() > format.offset && text.substr(format.offset).starts_with(format.bytes);
  });
  return found == std::end(kFormats) ? nullptr : found;
}

/// Every byte of the beginning is printable ASCII or white space.
bool looks_like_text(std::span<const uint8_t> file) {
  const auto start = file.first(std::min<size_t>(file.size(), 512));
  return std::ranges::all_of(start, [](uint8_t c) { return (c >= 32 && c < 127) || (c >= 9 && c <= 13); });
}

}  // namespace

Picture decode_picture(std::span<const uint8_t> file, const std::string& where, const DecodeOptions& options) {
  require<DataError>(!file.empty(), "{}: the file is empty", where);
  const Format* format = find_format(file);
  if (format == nullptr) {
    fail<DataError>("{}: {}; pictures must be JPEG, PNG, GIF, WebP, BMP, PNM or TIFF", where,
                    looks_like_text(file) ? "this is text, not a picture" : "not a known picture format");
  }
  require<DataError>(format->decode != nullptr, "{}: {} files are not read; convert it to PNG or JPEG", where, format->name);
  Picture picture = format->decode(file, where, options);
  const bool turned_already = format->decode == decode_tiff;
  if (options.exif_orientation == ExifOrientation::kApply && !turned_already) {
    apply_orientation(picture, static_cast<uint64_t>(file_orientation(file, picture.format)));
  }
  return picture;
}

bool is_picture_start(std::span<const uint8_t> start) {
  const Format* format = find_format(start);
  return format != nullptr && format->decode != nullptr;
}

void require_allowed_size(uint64_t width, uint64_t height, const std::string& where, const DecodeOptions& options) {
  require<DataError>(width > 0 && height > 0, "{}: a picture of {} x {} pixels", where, width, height);
  require<DataError>(width <= options.max_pixels / height, "{}: {} x {} pixels are more than the limit of {}", where, width,
                     height, options.max_pixels);
}

}  // namespace longclip
