#pragma once
// tests/src/image/encode_picture.h -- small picture files made in memory, so that decoding is tested without any data.

#include <cstdint>
#include <string>
#include <vector>

namespace longclip::test {

/// A whole zlib stream.
std::string deflate_all(const std::string& data);

/// The beginning of a zlib stream: `megabytes` (2^20) zeros in about a thousandth of that, made without inflating them.
std::string deflated_zeros(int megabytes);

/// One PNG chunk: length, name, data, checksum.
std::string png_chunk(const std::string& name, const std::string& data);

struct PngLayout {
  uint32_t width = 0;
  uint32_t height = 0;
  int depth = 8;
  int color_type = 0;  ///< 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA
  bool interlaced = false;  ///< only for png_of_stream()
};
/// A PNG file of packed rows (`rows` holds them without filter bytes). `before_pixels` are chunks such as a palette.
std::string encode_png(const PngLayout& layout, const std::string& rows, const std::string& before_pixels = "");

/// Like encode_png(), with any bytes as the zlib stream of the pixels.
std::string png_of_stream(const PngLayout& layout, const std::string& stream, const std::string& before_pixels = "",
                          const std::string& behind_pixels = "");

/// A JPEG file of quality 90, baseline or progressive; 1 channel is grey, 3 are RGB, 4 are CMYK.
std::string encode_jpeg(int width, int height, int channels, const std::vector<uint8_t>& bytes,
                        bool progressive = false);

/// `count` bytes that depend on the key only.
std::vector<uint8_t> random_bytes(size_t count, uint64_t key);

}  // namespace longclip::test
