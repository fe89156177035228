// tests/src/image/decode_test.cpp -- image/decode.h on files made in memory.
#include "image/decode.h"

#include <sys/resource.h>

#include <bit>
#include <chrono>

#include "base/error.h"
#include "base/random.h"
#include "encode_picture.h"
#include "image/transform.h"
#include "picture_files.h"
#include "support/catch.h"

namespace longclip {
namespace {

using test::as_bytes;
using test::encode_png;

std::vector<int> decoded(const std::string& file, PictureMode mode) {
  const Picture picture = decode_picture(as_bytes(file), "p");
  REQUIRE(picture.mode == mode);
  REQUIRE(picture.bytes.size() == static_cast<size_t>(picture.width * picture.height * bytes_per_pixel(mode)));
  return {picture.bytes.begin(), picture.bytes.end()};
}

/// True if the file decodes; false for a DataError. Anything else escapes and fails the test.
bool decodes(std::span<const uint8_t> file) {
  try {
    clip_crop(decode_picture(file, "p"), 8);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

/// The most memory that this process had so far.
int64_t peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::string grey_png() { return encode_png({.width = 2, .height = 2}, "\x01\x02\x03\x04"); }

}  // namespace

TEST_CASE("decode_picture: grey PNGs of 1 to 16 bits keep what Pillow keeps", "[image][unit]") {
  using Values = std::vector<int>;
  REQUIRE(decoded(encode_png({2, 1, 1, 0}, "\x40"), PictureMode::kBilevel) == Values{0, 255});
  REQUIRE(decoded(encode_png({2, 1, 2, 0}, "\x60"), PictureMode::kGrey) == Values{0x55, 0xAA});
  REQUIRE(decoded(encode_png({2, 1, 4, 0}, "\x2F"), PictureMode::kGrey) == Values{0x22, 0xFF});
  REQUIRE(decoded(encode_png({2, 1, 8, 4}, "\x01\x02\x03\x04"), PictureMode::kGreyAlpha) == Values{1, 2, 3, 4});
  const auto deep = decode_picture(as_bytes(encode_png({1, 1, 16, 0}, "\x12\x34")), "p");
  REQUIRE(deep.mode == PictureMode::kGrey16);
  REQUIRE(std::bit_cast<uint16_t>(std::array<uint8_t, 2>{deep.bytes[0], deep.bytes[1]}) == 0x1234);
  REQUIRE(mode_name(deep.mode) == "I;16");
}

TEST_CASE("decode_picture: 16-bit colours keep the high byte, and 16-bit grey with alpha becomes RGBA",
          "[image][unit]") {
  using Values = std::vector<int>;
  REQUIRE(decoded(encode_png({1, 1, 16, 2}, "\x11\xFF\x22\xFF\x33\xFF"), PictureMode::kRgb) ==
          Values{0x11, 0x22, 0x33});
  REQUIRE(decoded(encode_png({1, 1, 16, 4}, "\x11\xFF\x22\xFF"), PictureMode::kRgba) == Values{0x11, 0x11, 0x11, 0x22});
  REQUIRE(decoded(encode_png({1, 1, 8, 6}, "\x01\x02\x03\x04"), PictureMode::kRgba) == Values{1, 2, 3, 4});
}

TEST_CASE("decode_picture: a palette PNG keeps its indices, and colours that it leaves out are black",
          "[image][unit]") {
  const std::string file = encode_png({4, 1, 2, 3}, "\x1B", test::png_chunk("PLTE", "\x0A\x0B\x0C\x14\x15\x16"));
  REQUIRE(decoded(file, PictureMode::kPalette) == std::vector<int>{0, 1, 2, 3});
  const Picture picture = decode_picture(as_bytes(file), "p");
  REQUIRE(std::vector<int>(picture.palette.begin() + 3, picture.palette.begin() + 9) ==
          std::vector<int>{20, 21, 22, 0, 0, 0});
}

TEST_CASE("decode_picture: JPEG mode follows the number of components, four are inverted", "[image][unit]") {
  const std::vector<uint8_t> flat(20 * 10 * 4, 200);
  const std::pair<int, PictureMode> modes[] = {
      {1, PictureMode::kGrey}, {3, PictureMode::kRgb}, {4, PictureMode::kCmyk}};
  for (const auto& [channels, mode] : modes) {
    const Picture picture = decode_picture(as_bytes(test::encode_jpeg(20, 10, channels, flat)), "p");
    REQUIRE((picture.mode == mode && picture.width == 20 && picture.height == 10 && picture.format == "JPEG"));
    for (const int value : picture.bytes) REQUIRE(std::abs(value - (channels == 4 ? 55 : 200)) <= 1);
  }
}

TEST_CASE("decode_picture: other formats are refused by name", "[image][unit]") {
  using std::string_literals::operator""s;
  const std::pair<std::string, std::string> files[] = {{"", "empty"},
                                                       {"hello"s, "text"},
                                                       {"\1\2\3\4"s, "not a known"},
                                                       {"P7\nWIDTH 1\n"s, "PAM"},
                                                       {"MM\0+\0\10\0\0"s, "big-endian BigTIFF"},
                                                       {"\0\0\1\0\1\0"s, "ICO"},
                                                       {"\0\0\0\x1C"
                                                        "ftypavif"s,
                                                        "AVIF"}};
  for (const auto& [file, word] : files) {
    REQUIRE_THROWS_AS(decode_picture(as_bytes(file), "photo.jpg"), DataError);
    REQUIRE_THROWS_WITH(decode_picture(as_bytes(file), "photo.jpg"),
                        ContainsSubstring("photo.jpg: ") && ContainsSubstring(word));
  }
}

TEST_CASE("decode_picture: the header decides about too many pixels, before memory is taken", "[image][unit]") {
  const int64_t memory_before = peak_kilobytes();
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(encode_png({.width = 2'000'000'000, .height = 1}, "\x01")), "p"),
                      ContainsSubstring("2000000000 x 1 pixels"));
  REQUIRE(peak_kilobytes() - memory_before < 100'000);  // libpng's two rows are four gigabytes
  const std::string jpeg = test::encode_jpeg(20, 10, 1, std::vector<uint8_t>(200, 9));
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(jpeg), "p", {.max_pixels = 199}), ContainsSubstring("limit of 199"));
  REQUIRE(decode_picture(as_bytes(jpeg), "p", {.max_pixels = 200}).width == 20);
}

TEST_CASE("decode_picture: a cut PNG is refused, a missing end chunk is not", "[image][unit]") {
  const std::string file = grey_png();
  const size_t end_of_pixels = file.size() - 12;
  for (size_t size = 0; size < end_of_pixels; ++size) REQUIRE_FALSE(decodes(as_bytes(file).first(size)));
  REQUIRE(decodes(as_bytes(file).first(end_of_pixels)));
}

TEST_CASE("decode_picture: a wrong checksum counts before the pixels of a PNG and not in them", "[image][unit]") {
  std::string metadata = test::png_chunk("pHYs", std::string(9, '\0'));
  metadata.back() = static_cast<char>(metadata.back() + 1);
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(encode_png({1, 1, 8, 0}, "\x07", metadata)), "p"),
                      ContainsSubstring("wrong checksum of chunk pHYs"));
  std::string pixels = grey_png();
  pixels[pixels.size() - 13] = static_cast<char>(pixels[pixels.size() - 13] + 1);
  REQUIRE(decoded(pixels, PictureMode::kGrey) == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("decode_picture: what a PNG's stream holds behind its last row is not inflated", "[image][unit]") {
  const std::string endless = test::deflated_zeros(3000);
  for (const bool interlaced : {false, true}) {
    for (const uint32_t side : {1U, 8U}) {
      const std::string file = test::png_of_stream({.width = side, .height = side, .interlaced = interlaced}, endless);
      const auto start = std::chrono::steady_clock::now();
      REQUIRE(decoded(file, PictureMode::kGrey) == std::vector<int>(side * side, 0));
      REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));  // 20 ms; ten seconds if all is inflated
    }
  }
}

TEST_CASE("decode_picture: every row of an interlaced PNG is there although its stream does not end", "[image][unit]") {
  // 3 x 3: passes 1 (one pixel), 4 (1), 5 (2), 6 (2) and 7 (3), each row with its filter byte.
  const std::string passes("\0\1\0\2\0\3\4\0\5\0\6\0\7\10\11", 15);
  const std::string stream = test::deflate_all(passes + std::string(100, 'x'));
  const std::string file =
      test::png_of_stream({.width = 3, .height = 3, .interlaced = true}, stream.substr(0, stream.size() - 4));
  REQUIRE(decoded(file, PictureMode::kGrey) == std::vector<int>{1, 5, 2, 7, 8, 9, 3, 6, 4});
}

TEST_CASE("decode_picture: a PNG with a cut transparent colour is refused", "[image][unit]") {
  const auto with = [](int color, const std::string& data) {
    return encode_png({1, 1, 8, color}, color == 2 ? "\x01\x02\x03" : "\x01", test::png_chunk("tRNS", data));
  };
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(with(0, "a")), "p"), ContainsSubstring("chunk tRNS of 1 bytes"));
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(with(2, "aaaaa")), "p"), ContainsSubstring("chunk tRNS of 5 bytes"));
  REQUIRE(decodes(as_bytes(with(0, "aa"))));
  REQUIRE(decodes(as_bytes(with(2, "aaaaaa"))));
}

TEST_CASE("decode_picture: a cut JPEG is refused instead of being filled with grey", "[image][unit]") {
  const std::string file = test::encode_jpeg(64, 64, 3, test::random_bytes(64 * 64 * 3, 1));
  REQUIRE(decodes(as_bytes(file)));
  for (size_t size = 0; size + 40 < file.size(); size += 7) REQUIRE_FALSE(decodes(as_bytes(file).first(size)));
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(file).first(file.size() / 2), "p"), ContainsSubstring("truncated"));
}

TEST_CASE("decode_picture: a progressive JPEG with hundreds of scans is refused, a usual one is not", "[image][unit]") {
  const std::string file = test::encode_jpeg(16, 16, 1, std::vector<uint8_t>(256, 90), true);
  REQUIRE(decodes(as_bytes(file)));
  const size_t last_scan = file.rfind("\xFF\xDA");
  const std::string scan = file.substr(last_scan, file.size() - 2 - last_scan);
  std::string many = file.substr(0, last_scan);
  for (int i = 0; i < 600; ++i) many += scan;
  many += file.substr(file.size() - 2);
  REQUIRE_THROWS_WITH(decode_picture(as_bytes(many), "p"), ContainsSubstring("more than 500 scans"));
}

TEST_CASE("decode_picture: files with changed bytes decode or are refused, nothing else", "[image][unit]") {
  const std::string originals[] = {
      test::encode_jpeg(24, 17, 3, test::random_bytes(24 * 17 * 3, 2)), grey_png(),
      encode_png({4, 1, 2, 3}, "\x1B", test::png_chunk("PLTE", "\x0A\x0B\x0C\x14\x15\x16"))};
  int refused = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    std::string file = originals[i % 3];
    for (uint64_t j = 0; j <= i % 4; ++j)
      file[draw_below(mix_keys(i, j, 1), file.size())] = static_cast<char>(mix_keys(i, j, 2));
    refused += decodes(as_bytes(file)) ? 0 : 1;
  }
  REQUIRE((refused > 0 && refused < 3000));
}

}  // namespace longclip
