// tests/src/image/formats_test.cpp -- GIF, BMP, PNM and TIFF made in memory, their damage, orientation and cut files.
#include <fstream>

#include "base/error.h"
#include "base/random.h"
#include "encode_picture.h"
#include "image/decode.h"
#include "image/orientation.h"
#include "image/transform.h"
#include "picture_files.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace {

using std::string_literals::operator""s;
using test::as_bytes;
using Values = std::vector<int>;

Picture decode(const std::string& file, const DecodeOptions& options = {}) {
  return decode_picture(as_bytes(file), "p", options);
}

Values values(const Picture& picture) { return {picture.bytes.begin(), picture.bytes.end()}; }

/// 2 x 1 pixels, 1 and 0, on a canvas of `canvas` columns; a palette of two colours that is no grey ramp.
std::string gif(char canvas = 2) {
  return "GIF89a"s + canvas + "\0\1\0\x80\0\0"s + "\x0A\x0B\x0C\x14\x15\x16"s + ",\0\0\0\0\2\0\1\0\0"s + "\2\2\x0C\x0A\0;"s;
}

/// The seeds of the fuzzer are small pictures of every format and kind.
std::vector<std::string> seeds() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / "tests/fuzz/seeds/image")) {
    files.push_back(test::read_text(entry.path()).substr(1));
  }
  std::ranges::sort(files);
  return files;
}

/// True if the file decodes; false for a DataError. Anything else escapes and fails the test.
bool decodes(std::span<const uint8_t> file, const DecodeOptions& options) {
  try {
    clip_crop(decode_picture(file, "p", options), 8);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

TEST_CASE("decode_picture: a GIF keeps its palette, and what its frame leaves out is colour 0", "[image][unit]") {
  const Picture picture = decode(gif());
  REQUIRE((picture.mode == PictureMode::kPalette && picture.format == "GIF"));
  REQUIRE(values(picture) == Values{1, 0});
  REQUIRE(Values(picture.palette.begin(), picture.palette.begin() + 9) == Values{10, 11, 12, 20, 21, 22, 0, 0, 0});
  REQUIRE(values(decode(gif(4))) == Values{1, 0, 0, 0});
  REQUIRE(decode(gif(1)).width == 2);  // a frame larger than the canvas enlarges it
  REQUIRE_THROWS_WITH(decode(gif().substr(0, gif().size() - 4)), ContainsSubstring("truncated"));
  REQUIRE_THROWS_WITH(decode("GIF89a\1\0\1\0\0\0\0;"s), ContainsSubstring("holds no picture"));
}

TEST_CASE("decode_picture: PNM values are scaled and rounded as Pillow does it", "[image][unit]") {
  REQUIRE(values(decode("P5 2 1 255\n\x01\xFF"s)) == Values{1, 255});
  REQUIRE(values(decode("P2 3 1 10 0 5 10"s)) == Values{0, 128, 255});
  REQUIRE(values(decode("P1\n# c\n3 1\n01 0"s)) == Values{255, 0, 255});
  REQUIRE(values(decode("P6 1 1 510\n\1\xFE\0\1\0\2"s)) == Values{255, 0, 1});  // halves to the even number
  const Picture deep = decode("P5 1 1 65535\n\x12\x34"s);
  REQUIRE(deep.mode == PictureMode::kInt32);
  REQUIRE_THROWS_WITH(decode("P5 2 2 255\nabc"s), ContainsSubstring("truncated"));
  REQUIRE_THROWS_WITH(decode("P5 100000 100000 255\nabc"s), ContainsSubstring("more than the limit"));
}

TEST_CASE("decode_picture: every format says too many pixels before it takes memory", "[image][unit]") {
  for (const std::string& file : seeds()) {
    REQUIRE_THROWS_WITH(decode(file, {.max_pixels = 34}), ContainsSubstring("more than the limit of 34"));
  }
}

TEST_CASE("decode_picture: a cut or changed file of any format decodes or is refused, nothing else", "[image][unit]") {
  int whole = 0, decoded = 0, refused = 0;
  for (const std::string& file : seeds()) {
    whole += decodes(as_bytes(file), {}) ? 1 : 0;
    for (const bool load_truncated : {false, true}) {
      const DecodeOptions options{.max_pixels = 1 << 20, .load_truncated = load_truncated};
      for (size_t size = 0; size < file.size(); size += 3)
        ++(decodes(as_bytes(file).first(size), options) ? decoded : refused);
      for (uint64_t i = 0; i < 200; ++i) {
        std::string changed = file;
        for (uint64_t j = 0; j <= i % 3; ++j)
          changed[draw_below(mix_keys(i, j, 1), file.size())] = static_cast<char>(mix_keys(i, j, 2));
        ++(decodes(as_bytes(changed), options) ? decoded : refused);
      }
    }
  }
  REQUIRE(whole == static_cast<int>(seeds().size()));
  REQUIRE((decoded > 1000 && refused > 1000));
}

TEST_CASE("decode_picture: load_truncated takes what there is of a cut JPEG and PNG", "[image][unit]") {
  const DecodeOptions lenient{.load_truncated = true};
  const std::string jpeg = test::encode_jpeg(64, 64, 3, test::random_bytes(64 * 64 * 3, 1));
  const std::string cut_jpeg = jpeg.substr(0, jpeg.size() / 2);
  REQUIRE_THROWS_AS(decode(cut_jpeg), DataError);
  const Picture half = decode(cut_jpeg, lenient);
  const Picture whole = decode(jpeg);
  REQUIRE(std::equal(half.bytes.begin(), half.bytes.begin() + 8 * 64 * 3, whole.bytes.begin()));
  REQUIRE(half.bytes != whole.bytes);

  const auto noise = test::random_bytes(40 * 40, 2);
  const std::string png = test::encode_png({40, 40, 8, 0}, std::string(noise.begin(), noise.end()));
  const std::string cut_png = png.substr(0, png.size() / 2);
  REQUIRE_THROWS_AS(decode(cut_png), DataError);
  const Picture rows = decode(cut_png, lenient);
  REQUIRE(std::equal(rows.bytes.begin(), rows.bytes.begin() + 40 * 10, noise.begin()));
  REQUIRE(std::ranges::count(std::span(rows.bytes).last(40 * 10), 0) == 400);
}

TEST_CASE("apply_orientation: each of the eight comes out upright", "[image][unit]") {
  Picture upright = blank_picture("PNG", PictureMode::kGrey, 3, 2);
  upright.bytes = {1, 2, 3, 4, 5, 6};
  const std::pair<int, std::vector<uint8_t>> turned[] = {
      {1, {1, 2, 3, 4, 5, 6}}, {2, {3, 2, 1, 6, 5, 4}}, {3, {6, 5, 4, 3, 2, 1}}, {4, {4, 5, 6, 1, 2, 3}},
      {5, {1, 4, 2, 5, 3, 6}}, {6, {4, 1, 5, 2, 6, 3}}, {7, {6, 3, 5, 2, 4, 1}}, {8, {3, 6, 2, 5, 1, 4}}};
  for (const auto& [orientation, bytes] : turned) {
    Picture picture = upright;
    apply_orientation(picture, static_cast<uint64_t>(orientation));
    REQUIRE(picture.bytes == bytes);
    REQUIRE(picture.width == (orientation < 5 ? 3 : 2));
  }
  REQUIRE(xmp_orientation(as_bytes("<x tiff:Orientation=\"6\"/>"s)) == 6);
  REQUIRE(xmp_orientation(as_bytes("<tiff:Orientation>8</tiff:Orientation>"s)) == 8);
}

TEST_CASE("decode_picture: EXIF turns a picture when told to, and not by itself", "[image][unit]") {
  const std::string exif = "MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"s;
  const std::string file = test::encode_png({2, 1, 8, 0}, "\x01\x02", test::png_chunk("eXIf", exif));
  REQUIRE(decode(file).width == 2);
  const Picture turned = decode(file, {.exif_orientation = ExifOrientation::kApply});
  REQUIRE((turned.width == 1 && turned.height == 2 && values(turned) == Values{1, 2}));
}

}  // namespace longclip
