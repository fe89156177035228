// tests/src/image/resample_test.cpp -- image/resample.h: both kernels give the same bytes; memory of thin pictures.
#include "image/resample.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <numeric>

#include "base/random.h"
#include "encode_picture.h"
#include "image/transform.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace {

std::atomic<size_t> largest_request = 0;

void* allocate(size_t size) {
  size_t seen = largest_request;
  while (size > seen && !largest_request.compare_exchange_weak(seen, size)) {
  }
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// This program's own allocation functions: they remember the largest request.
void* operator new(size_t size) { return allocate(size); }
void* operator new[](size_t size) { return allocate(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace longclip {
namespace {

/// Both passes in both orders over a random picture; all four results behind each other.
std::vector<uint8_t> both_passes(const ResampleKernel& kernel, uint64_t key) {
  const auto draw = [&](uint64_t what, uint64_t low, uint64_t high) {
    return static_cast<int64_t>(low + draw_below(mix_keys(key, what), high - low + 1));
  };
  const int64_t width = draw(1, 1, 150), height = draw(2, 1, 150), channels = draw(3, 1, 4);
  const int64_t to_width = draw(4, 1, 90), to_height = draw(5, 1, 90);
  const auto bytes = test::random_bytes(static_cast<size_t>(width * height * channels), key);
  const AxisWeights columns = bicubic_weights(width, to_width, to_width / 4, to_width - to_width / 4);
  const AxisWeights rows = bicubic_weights(height, to_height, to_height / 3, to_height - to_height / 3);
  const PixelBlock block{bytes.data(), bytes.data() + bytes.size(), width * channels, 0, 0, height,
                         width,        static_cast<int>(channels)};
  const int64_t horizontal_bytes = height * columns.outputs() * channels;
  std::vector<uint8_t> out(static_cast<size_t>(horizontal_bytes + rows.outputs() * width * channels));
  kernel.horizontal(block, columns, out.data());
  kernel.vertical(block, rows, out.data() + horizontal_bytes);
  return out;
}

}  // namespace

TEST_CASE("resample: the AVX2 kernel writes the bytes of the scalar one at any size", "[image][unit]") {
  const ResampleKernel* fast = avx2_kernel_or_null();
  if (fast == nullptr) return test::say_skipped("AVX2 kernel against the scalar one", "a processor with AVX2");
  int different = 0;
  for (uint64_t key = 0; key < 500; ++key) different += both_passes(kScalarKernel, key) != both_passes(*fast, key);
  REQUIRE(different == 0);
}

TEST_CASE("bicubic_weights: they sum to one and stay inside the input", "[image][unit]") {
  for (const auto& [from, to] : {std::pair<int64_t, int64_t>{1, 224}, {7, 224}, {224, 224}, {640, 224}, {3001, 17}}) {
    const AxisWeights weights = bicubic_weights(from, to, 0, to);
    REQUIRE((weights.first_input() == 0 && weights.end_input() == from));
    for (int64_t i = 0; i < to; ++i) {
      const auto begin = weights.exact.begin() + i * weights.stride;
      REQUIRE(std::abs(std::accumulate(begin, begin + weights.stride, 0.0) - 1.0) < 1e-12);
    }
  }
}

TEST_CASE("bicubic_weights: a crop has the weights of the same outputs of the whole axis", "[image][unit]") {
  const AxisWeights whole = bicubic_weights(500, 298, 0, 298);
  const AxisWeights crop = bicubic_weights(500, 298, 37, 224);
  REQUIRE(crop.stride == whole.stride);
  REQUIRE(std::equal(crop.fixed.begin(), crop.fixed.end(), whole.fixed.begin() + 37 * whole.stride));
  REQUIRE(std::equal(crop.first.begin(), crop.first.end(), whole.first.begin() + 37));
}

TEST_CASE("clip_crop: a picture of 4000 x 1 needs memory for its square, not for the resized picture",
          "[image][unit]") {
  for (const auto& [width, height] : {std::pair<int64_t, int64_t>{4000, 1}, {1, 4000}}) {
    for (const PictureMode mode :
         {PictureMode::kRgb, PictureMode::kPalette, PictureMode::kRgba, PictureMode::kGrey16}) {
      const size_t bytes = static_cast<size_t>(width * height * bytes_per_pixel(mode));
      const Picture picture{width, height, mode, test::random_bytes(bytes, 6), {}, "PNG"};
      largest_request = 0;
      REQUIRE(clip_crop(picture, 224).size() == 224 * 224 * 3);
      REQUIRE(largest_request <= 224 * 224 * 4);
    }
  }
}

}  // namespace longclip
