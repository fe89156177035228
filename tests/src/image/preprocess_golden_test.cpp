// tests/src/image/preprocess_golden_test.cpp -- decode and crop against the bytes of the original (Pillow).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "image/transform.h"
#include "picture_files.h"
#include "support/child_process.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

using std::filesystem::path;

std::string crop_digest(const Picture& picture) {
  return sha256_hex(std::span<const uint8_t>(clip_crop(picture, 224)));
}

std::string described(const Picture& picture) {
  return fmt::format("{} {}x{} {}", mode_name(picture.mode), picture.width, picture.height, crop_digest(picture));
}

/// The same, as the reference gives it: `digest_key` is "sha256" or "crop_sha256".
std::string described(const Json& entry, const char* digest_key) {
  return fmt::format("{} {}x{} {}", entry.at("mode").get<std::string>(), entry.at("size").at(0).get<int>(),
                     entry.at("size").at(1).get<int>(), entry.at(digest_key).get<std::string>());
}

/// What our code makes of a file, or "refused".
std::string outcome(const path& file) {
  try {
    return described(test::load_picture(file));
  } catch (const DataError&) {
    return "refused";
  }
}

/// The tensors of a safetensors file of bytes: name -> offset and end.
struct ByteTensors {
  std::string file;
  size_t data_start = 0;
  Json header;

  explicit ByteTensors(const path& where) : file(read_file(where)) {
    uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, file.data(), 8);
    data_start = 8 + header_bytes;
    header = parse_json(std::string_view(file).substr(8, header_bytes), where.string());
    header.erase("__metadata__");
  }
  std::span<const uint8_t> at(const std::string& name) const {
    const Json& offsets = header.at(name).at("data_offsets");
    const auto begin = offsets.at(0).get<size_t>();
    return test::as_bytes(file).subspan(data_start + begin, offsets.at(1).get<size_t>() - begin);
  }
};

}  // namespace

TEST_CASE("Preprocessing: every picture gives the reference's bytes, every damaged file is refused",
          "[image][golden]") {
  const auto golden = test::golden_dir();
  const auto data = test::data_dir();
  if (!golden || !data) return test::say_skipped("preprocess.json", "golden and data");
  int equal = 0, refused = 0, pictures = 0, damaged = 0;
  for (const Json& entry : parse_json(read_file(*golden / "preprocess.json"), "preprocess.json")) {
    const std::string name = entry.at("file").get<std::string>();
    const std::string got = outcome(*data / name);
    const bool is_damaged = entry.contains("error");
    INFO(name);
    CHECK(got == (is_damaged ? "refused" : described(entry, "sha256")));
    damaged += is_damaged;
    refused += is_damaged && got == "refused";
    pictures += !is_damaged;
    equal += !is_damaged && got == described(entry, "sha256");
  }
  std::printf("preprocess.json: %d of %d pictures equal, %d of %d damaged files refused\n", equal, pictures, refused,
              damaged);
  REQUIRE(pictures > 0);
}

TEST_CASE("Preprocessing: the pixels of the reference's pictures are the same bytes", "[image][golden]") {
  const auto golden = test::golden_dir();
  const auto data = test::data_dir();
  if (!golden || !data) return test::say_skipped("preprocess_pixels.safetensors", "golden and data");
  const ByteTensors tensors(*golden / "preprocess_pixels.safetensors");
  int compared = 0;
  double largest = 0.0;
  for (const auto& [name, unused] : tensors.header.items()) {
    const auto expected = tensors.at(name);
    if (expected.size() != 224 * 224 * 3) FAIL(name << " has another shape");
    const auto crop = clip_crop(test::load_picture(*data / name), 224);
    for (size_t i = 0; i < crop.size(); ++i)
      largest = std::max(largest, std::abs(double(crop[i]) - double(expected[i])));
    ++compared;
  }
  test::report_difference(fmt::format("preprocess_pixels, {} pictures", compared), largest, 0.0);
  REQUIRE(compared > 0);
  REQUIRE(largest == 0.0);
}

TEST_CASE("Preprocessing: pictures in unusual modes and with damage come out as given", "[image][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("06_picture_modes_and_damage", "cases");
  const path folder = *cases / "06_picture_modes_and_damage";
  const Json values = parse_json(read_file(folder / "case.json"), "case.json").at("expected").at("values");
  int good = 0;
  for (const auto& [name, value] : values.items()) {
    INFO(name);
    const bool expect_crop = value.at("verdict") == "good";
    CHECK(outcome(folder / name) == (expect_crop ? described(value, "crop_sha256") : "refused"));
    good += expect_crop;
  }
  std::printf("case 06: %d crops equal, %d files refused\n", good, static_cast<int>(values.size()) - good);
  REQUIRE(good > 0);
}

TEST_CASE("Preprocessing: sizes, offsets and crops of awkward pictures come out as given", "[image][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("07_resize_sizes", "cases");
  const path folder = *cases / "07_resize_sizes";
  for (const Json& entry : parse_json(read_file(folder / "sizes.json"), "sizes.json")) {
    const CropGeometry got = crop_geometry(entry.at("width").get<int64_t>(), entry.at("height").get<int64_t>(), 224);
    CHECK(Json({got.resized_width, got.resized_height}) == entry.at("resized"));
    CHECK(Json({got.crop_left, got.crop_top}) == entry.at("crop_left_top"));
  }
  const Json case_json = parse_json(read_file(folder / "case.json"), "case.json");
  const Json& pictures = case_json.at("expected").at("values").at("pictures");
  for (const auto& [name, value] : pictures.items()) CHECK(outcome(folder / name) == described(value, "crop_sha256"));
  REQUIRE(!pictures.empty());
}

TEST_CASE("Preprocessing: every hostile file decodes or is refused, within 5 s of the processor and 1 GB", "[image][golden]") {
  const auto data = test::data_dir();
  if (!data) return test::say_skipped("nasty pictures", "data");
  int decoded = 0, refused = 0;
  double most_seconds = 0;
  int64_t most_bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*data / "nasty")) {
    if (!entry.is_regular_file()) continue;
    INFO(entry.path().string());
    const test::ChildOutcome child = test::run_in_child([&] { return outcome(entry.path()) == "refused" ? 2 : 0; }, /*max_seconds=*/5);
    REQUIRE((child.exit_code == 0 || child.exit_code == 2));  // -1: killed by a signal
    REQUIRE(child.peak_bytes < 1'000'000'000);
    (child.exit_code == 2 ? refused : decoded) += 1;
    most_seconds = std::max(most_seconds, child.processor_seconds);
    most_bytes = std::max(most_bytes, child.peak_bytes);
  }
  std::printf("nasty: %d files decoded, %d refused; at most %.2f s of the processor and %.0f MB for one\n", decoded, refused, most_seconds,
              static_cast<double>(most_bytes) / 1e6);
  REQUIRE((decoded > 0 && refused > 0));
}

}  // namespace longclip
