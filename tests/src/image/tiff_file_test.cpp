// tests/src/image/tiff_file_test.cpp -- image/tiff_file.h through decode_picture(), on files made in memory.
#include "image/tiff_file.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "encode_picture.h"
#include "image/decode.h"
#include "picture_files.h"
#include "support/catch.h"

namespace longclip {
namespace {

using std::string_literals::operator""s;
using test::as_bytes;

std::string little_endian32(uint64_t value) {
  return {static_cast<char>(value), static_cast<char>(value >> 8), static_cast<char>(value >> 16),
          static_cast<char>(value >> 24)};
}

struct TiffSketch {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t compression = 8;
  uint32_t rows_per_strip = 1;
  uint32_t tile_side = 0;  ///< 0: strips
};

/// A grey TIFF of which all strips or tiles lie on the same bytes.
std::string shared_tiff(const TiffSketch& sketch, const std::string& packed) {
  const bool tiled = sketch.tile_side > 0;
  const uint32_t count = tiled ? ((sketch.width - 1) / sketch.tile_side + 1) * ((sketch.height - 1) / sketch.tile_side + 1)
                               : (sketch.height - 1) / sketch.rows_per_strip + 1;
  std::string file = "II*\0"s + little_endian32(0) + packed + std::string(packed.size() % 2, '\0');
  const size_t offsets_at = file.size();
  for (uint32_t i = 0; i < count; ++i) file += little_endian32(8);
  const size_t sizes_at = file.size();
  for (uint32_t i = 0; i < count; ++i) file += little_endian32(packed.size());
  file.replace(4, 4, little_endian32(file.size()));
  const uint64_t offsets = count == 1 ? 8 : offsets_at;
  const uint64_t sizes = count == 1 ? packed.size() : sizes_at;
  std::vector<std::pair<uint64_t, uint64_t>> tags = {
      {256, sketch.width}, {257, sketch.height}, {258, 8}, {259, sketch.compression}, {262, 1}};
  if (tiled) {
    tags.insert(tags.end(), {{322, sketch.tile_side}, {323, sketch.tile_side}, {324, offsets}, {325, sizes}});
  } else {
    tags.insert(tags.end(), {{273, offsets}, {278, sketch.rows_per_strip}, {279, sizes}});
  }
  file += little_endian32(tags.size()).substr(0, 2);
  for (const auto& [tag, value] : tags) {
    const bool is_list = tag == 273 || tag == 279 || tag == 324 || tag == 325;
    file += little_endian32(tag | 4 << 16) + little_endian32(is_list ? count : 1) + little_endian32(value);
  }
  return file + little_endian32(0);
}

double seconds_of(const std::string& file) {
  const auto start = std::chrono::steady_clock::now();
  decode_picture(as_bytes(file), "p");
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("decode_picture: a deflate strip is inflated as far as the picture needs it and no further", "[image][unit]") {
  const std::string one_strip = shared_tiff({.width = 64, .height = 64, .rows_per_strip = 64}, test::deflated_zeros(3000));
  const std::string many_strips = shared_tiff({.width = 64, .height = 300}, test::deflated_zeros(20).substr(0, 5000));
  const std::string tile = shared_tiff({.width = 40, .height = 40, .tile_side = 64}, test::deflated_zeros(3000));
  for (const std::string& file : {one_strip, many_strips, tile}) {
    REQUIRE(seconds_of(file) < 3);  // a few milliseconds; ten seconds where all is inflated
    const Picture picture = decode_picture(as_bytes(file), "p");
    REQUIRE(std::ranges::count(picture.bytes, 0) == picture.width * picture.height);
  }
}

TEST_CASE("decode_picture: a deflate strip that is damaged or ends before the picture does is refused", "[image][unit]") {
  const TiffSketch sketch{.width = 8, .height = 8, .rows_per_strip = 8};
  const std::string whole = test::deflate_all(std::string(64, 'a'));
  REQUIRE(decode_picture(as_bytes(shared_tiff(sketch, whole)), "p").bytes == std::vector<uint8_t>(64, 'a'));
  std::string wrong_sum = whole;
  wrong_sum.back() = static_cast<char>(wrong_sum.back() + 1);
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(shared_tiff(sketch, wrong_sum)), "p"), ContainsSubstring("strip 0 is damaged"));
  REQUIRE_THROWS_AS(decode_picture(as_bytes(shared_tiff(sketch, test::deflate_all(std::string(63, 'a')))), "p"), DataError);
}

TEST_CASE("decode_picture: equal strips of a TIFF may lie on the same bytes, but not make minutes of work", "[image][unit]") {
  const std::string row = "\xC1\5"s;  // PackBits: 64 times 5
  const Picture picture = decode_picture(as_bytes(shared_tiff({.width = 64, .height = 500, .compression = 32773}, row)), "p");
  REQUIRE(picture.bytes == std::vector<uint8_t>(64 * 500, 5));
  const std::string slow = std::string(400'000, '\x80') + row;  // bytes that give no pixels
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(shared_tiff({.width = 64, .height = 3000, .compression = 32773}, slow)), "p"),
                      ContainsSubstring("share too many bytes"));
  const TiffSketch tiles{.width = 1, .height = 4096 * 40, .tile_side = 4096};
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(shared_tiff(tiles, test::deflated_zeros(16))), "p"),
                      ContainsSubstring("much larger than the picture"));
}

}  // namespace longclip
