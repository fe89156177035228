// tests/src/image/transform_test.cpp -- image/transform.h: geometry, and what each mode does in the resize.
#include "image/transform.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "encode_picture.h"
#include "support/catch.h"

namespace longclip {
namespace {

Picture make_picture(int64_t width, int64_t height, PictureMode mode, std::vector<uint8_t> bytes) {
  return {.width = width, .height = height, .mode = mode, .bytes = std::move(bytes), .palette = {}, .format = "PNG"};
}

/// A picture whose pixels all have the bytes `pixel`.
Picture flat_picture(int64_t width, int64_t height, PictureMode mode, const std::vector<uint8_t>& pixel) {
  std::vector<uint8_t> bytes;
  for (int64_t i = 0; i < width * height; ++i) bytes.insert(bytes.end(), pixel.begin(), pixel.end());
  return make_picture(width, height, mode, std::move(bytes));
}

std::vector<int> first_pixel(const std::vector<uint8_t>& crop) { return {crop.begin(), crop.begin() + 3}; }

bool is_flat(const std::vector<uint8_t>& crop) {
  for (size_t i = 3; i < crop.size(); ++i) {
    if (crop[i] != crop[i % 3]) return false;
  }
  return true;
}

std::vector<uint8_t> pixel16(uint16_t value) {
  std::vector<uint8_t> bytes(2);
  std::memcpy(bytes.data(), &value, 2);
  return bytes;
}

}  // namespace

TEST_CASE("crop_geometry: long side int(size * long / short), halves of the margin to the even number",
          "[image][unit]") {
  struct Case {
    int64_t width, height;
    CropGeometry expected;
  };
  const Case cases[] = {{640, 480, {298, 224, 37, 0}},      {640, 427, {335, 224, 56, 0}}, {225, 224, {225, 224, 0, 0}},
                        {227, 224, {227, 224, 2, 0}},       {224, 229, {224, 229, 0, 2}},  {1, 1, {224, 224, 0, 0}},
                        {4000, 1, {896000, 224, 447888, 0}}};
  for (const Case& c : cases) {
    const CropGeometry got = crop_geometry(c.width, c.height, 224);
    REQUIRE((got.resized_width == c.expected.resized_width && got.resized_height == c.expected.resized_height));
    REQUIRE((got.crop_left == c.expected.crop_left && got.crop_top == c.expected.crop_top));
  }
}

TEST_CASE("crop_geometry: the square always lies inside the resized picture", "[image][unit]") {
  int outside = 0;
  for (int64_t width = 1; width < 400; ++width) {
    for (int64_t height = 1; height < 400; ++height) {
      const CropGeometry g = crop_geometry(width, height, 224);
      outside += g.crop_left < 0 || g.crop_top < 0 || g.crop_left + 224 > g.resized_width ||
                 g.crop_top + 224 > g.resized_height;
    }
  }
  REQUIRE(outside == 0);
}

TEST_CASE("clip_crop: a picture of the right size is cut, not filtered", "[image][unit]") {
  const auto bytes = test::random_bytes(9 * 5 * 3, 4);
  const auto crop = clip_crop(make_picture(9, 5, PictureMode::kRgb, bytes), 5);
  for (size_t y = 0; y < 5; ++y) {
    REQUIRE(std::memcmp(crop.data() + y * 15, bytes.data() + (y * 9 + 2) * 3, 15) == 0);
  }
}

TEST_CASE("clip_crop: one colour stays that colour in every mode", "[image][unit]") {
  struct Case {
    PictureMode mode;
    std::vector<uint8_t> pixel;
    std::vector<int> rgb;
  };
  const Case cases[] = {{PictureMode::kBilevel, {255}, {255, 255, 255}},
                        {PictureMode::kGrey, {77}, {77, 77, 77}},
                        {PictureMode::kGreyAlpha, {77, 255}, {77, 77, 77}},
                        {PictureMode::kRgb, {1, 2, 3}, {1, 2, 3}},
                        {PictureMode::kRgba, {51, 102, 255, 5}, {51, 102, 255}},  // alpha is dropped, not blended
                        {PictureMode::kRgba, {50, 60, 70, 0}, {0, 0, 0}},  // hidden colours are lost when premultiplied
                        {PictureMode::kCmyk, {0, 0, 0, 0}, {255, 255, 255}},
                        {PictureMode::kCmyk, {255, 0, 0, 0}, {0, 255, 255}},
                        {PictureMode::kGrey16, pixel16(200), {200, 200, 200}},
                        {PictureMode::kGrey16, pixel16(30000), {255, 255, 255}}};  // clipped, not scaled
  for (const Case& c : cases) {
    for (const auto& [width, height] : {std::pair<int64_t, int64_t>{30, 19}, {19, 300}, {3, 2}}) {
      const auto crop = clip_crop(flat_picture(width, height, c.mode, c.pixel), 16);
      REQUIRE(crop.size() == 16 * 16 * 3);
      REQUIRE(is_flat(crop));
      REQUIRE(first_pixel(crop) == c.rgb);
    }
  }
}

TEST_CASE("clip_crop: palettes are resized by nearest neighbour, so that no colour is mixed", "[image][unit]") {
  Picture picture = make_picture(37, 23, PictureMode::kPalette, test::random_bytes(37 * 23, 5));
  for (uint8_t& index : picture.bytes) index %= 2;
  for (size_t i = 0; i < 3; ++i) picture.palette[3 + i] = 255;
  const auto crop = clip_crop(picture, 224);
  const auto white = static_cast<size_t>(std::count(crop.begin(), crop.end(), 255));
  REQUIRE((white > 0 && white + static_cast<size_t>(std::count(crop.begin(), crop.end(), 0)) == crop.size()));
}

TEST_CASE("clip_crop: a picture too thin for Pillow and a wrong size are errors", "[image][unit]") {
  const Picture thin = flat_picture(1, 10'000'000, PictureMode::kGrey, {1});
  REQUIRE_THROWS_AS(clip_crop(thin, 224), DataError);
  REQUIRE_THROWS_AS(clip_crop(make_picture(2, 2, PictureMode::kRgb, std::vector<uint8_t>(11)), 4),
                    std::invalid_argument);
  REQUIRE_THROWS_AS(clip_crop(flat_picture(2, 2, PictureMode::kGrey, {1}), 0), std::invalid_argument);
}

}  // namespace longclip
