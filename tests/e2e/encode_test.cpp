// tests/e2e/encode_test.cpp -- longclip encode: features of pictures and texts, row by row.
#include <cmath>
#include <sstream>

#include "program.h"
#include "base/error.h"
#include "tensors/safetensors.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

constexpr double kSame = 1e-5;  // of the cases

double distance(const at::Tensor& features, int64_t i, int64_t j) {
  return features[i].sub(features[j]).abs().max().item<double>();
}

/// Rows of one group are equal, all others differ.
void check_equal_rows(const at::Tensor& features, const Json& groups) {
  std::map<int64_t, int64_t> group_of;
  for (const Json& group : groups) {
    for (const Json& row : group) group_of[row.get<int64_t>()] = group[0].get<int64_t>();
  }
  const auto group = [&](int64_t i) { return group_of.contains(i) ? group_of[i] : i; };
  double largest = 0;
  for (int64_t i = 0; i < features.size(0); ++i) {
    for (int64_t j = 0; j < i; ++j) {
      CAPTURE(i, j, distance(features, i, j));
      REQUIRE((distance(features, i, j) <= kSame) == (group(i) == group(j)));
      if (group(i) == group(j)) largest = std::max(largest, distance(features, i, j));
    }
  }
  report_difference("features of equal texts", largest, kSame);
}

/// Features of the pictures in a list of picture, crop, picture, crop, ...
void check_pictures_equal_crops(const std::string& list, const fs::path& out) {
  run_well("encode " + model_of_224_pixels() + " --images " + list + " --out " + out.string());
  const at::Tensor features = read_safetensors(out).tensors.at("image_features");
  REQUIRE(features.size(0) >= 2);
  double largest = 0;
  for (int64_t i = 0; i < features.size(0); i += 2) largest = std::max(largest, distance(features, i, i + 1));
  report_difference("features of pictures and of their crops", largest, kSame);
  REQUIRE(largest <= kSame);
}

}  // namespace

TEST_CASE("encode: odd captions keep their row, and texts that clean to the same are the same", "[e2e]") {
  if (!cases_dir()) return say_skipped("captions of odd characters", "the cases");
  const TemporaryFolder folder;
  const Json values = case_values("01_caption_odd_characters");
  const fs::path texts = *cases_dir() / "01_caption_odd_characters" / "texts.jsonl";
  run_well("encode " + stretched_model() + " --texts " + texts.string() + " --out f.safetensors --batch 5",
           folder.path());
  const at::Tensor features = read_safetensors(folder / "f.safetensors").tensors.at("text_features");
  REQUIRE(features.size(0) == static_cast<int64_t>(values.at("rows").size()));
  check_equal_rows(features, values.at("equal_rows"));
}

TEST_CASE("encode: captions beyond the limit are cut and counted, captions at the limit are not", "[e2e]") {
  if (!cases_dir()) return say_skipped("captions at the limit", "the cases");
  const TemporaryFolder folder;
  const Json values = case_values("02_caption_length_limit");
  const fs::path texts = *cases_dir() / "02_caption_length_limit" / "texts.jsonl";
  const CommandResult result = run_longclip(
      "encode " + stretched_model() + " --texts " + texts.string() + " --out f.safetensors", folder.path());
  REQUIRE(result.exit_code == 0);
  REQUIRE_THAT(result.err, ContainsSubstring("7 of 12 texts truncated"));
  check_equal_rows(read_safetensors(folder / "f.safetensors").tensors.at("text_features"), values.at("equal_rows"));
}

TEST_CASE("encode: pictures of every mode and size have the features of their crops", "[e2e]") {
  if (!cases_dir()) return say_skipped("pictures beside their crops", "the cases");
  const TemporaryFolder folder;
  check_pictures_equal_crops((*cases_dir() / "07_resize_sizes" / "files.txt").string(), folder / "sizes.safetensors");
  const fs::path modes = *cases_dir() / "06_picture_modes_and_damage";
  const Json values = case_values("06_picture_modes_and_damage");
  std::istringstream pairs(read_text(modes / "files.txt"));
  std::string list;
  for (std::string picture, crop; std::getline(pairs, picture) && std::getline(pairs, crop);) {
    const std::string format = values.at(picture).at("format").get<std::string>();
    if (format == "JPEG" || format == "PNG") list += (modes / picture).string() + "\n" + (modes / crop).string() + "\n";
  }
  write_text(folder / "list.txt", list);
  check_pictures_equal_crops((folder / "list.txt").string(), folder / "modes.safetensors");
}

TEST_CASE("encode: rows stand in the order of the arguments, lists, folders and patterns", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "pictures/b.png");
  write_blue_png(folder / "pictures/a.png");
  write_text(folder / "pictures/list.txt", "b.png\r\n\r\na.png");
  write_text(folder / "pictures/rows.jsonl", "\xEF\xBB\xBF{\"image\": \"a.png\", \"id\": 1}\n");
  write_text(folder / "texts.txt", "a cat\n\na dog\n");
  run_well("encode " + stretched_model() +
               " --images pictures/b.png pictures/list.txt pictures 'pictures/?.png' "
               "pictures/rows.jsonl --texts texts.txt --out f.safetensors --batch 3",
           folder.path());
  const TensorMap tensors = read_safetensors(folder / "f.safetensors").tensors;
  const at::Tensor pictures = tensors.at("image_features"), texts = tensors.at("text_features");
  const std::string expected = "bbaababa";
  REQUIRE(pictures.size(0) == static_cast<int64_t>(expected.size()));
  const size_t first_a = expected.find('a');
  for (size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    const auto row = static_cast<int64_t>(i);
    REQUIRE(distance(pictures, row, expected[i] == 'b' ? 0 : static_cast<int64_t>(first_a)) <= kSame);
  }
  REQUIRE(distance(pictures, 0, static_cast<int64_t>(first_a)) > kSame);
  REQUIRE(texts.size(0) == 3);  // the empty line is a text
  for (int64_t i = 0; i < 3; ++i) REQUIRE(std::abs(texts[i].norm().item<double>() - 1) < 1e-5);
}

TEST_CASE("encode: a damaged picture ends with 2, its name and no output", "[e2e]") {
  if (!cases_dir()) return say_skipped("damaged pictures", "the cases");
  const TemporaryFolder folder;
  const Json values = case_values("06_picture_modes_and_damage");
  int64_t damaged = 0;
  for (const auto& [name, picture] : values.items()) {
    if (picture.at("verdict") != "bad") continue;
    const std::string file = (*cases_dir() / "06_picture_modes_and_damage" / name).string();
    write_text(folder / "list.txt", fmt::format("\n{}\n", file));
    const CommandResult result =
        run_longclip("encode " + model_of_224_pixels() + " --images list.txt --out f.safetensors", folder.path());
    CAPTURE(result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring("list.txt:2: ") && ContainsSubstring(name));
    REQUIRE(!fs::exists(folder / "f.safetensors"));
    ++damaged;
  }
  REQUIRE(damaged > 0);
}

TEST_CASE("encode: a signal ends it with its code and without output", "[e2e]") {
  const TemporaryFolder folder;
  std::string texts;
  for (int i = 0; i < 200'000; ++i) texts += "a picture of the number " + std::to_string(i) + " on a wall\n";
  write_text(folder / "texts.txt", texts);
  const std::string command =
      program().string() + " encode " + stretched_model() + " --texts texts.txt --out f.safetensors";
  const CommandResult result = run_command("timeout --preserve-status --signal TERM 3 " + command, folder.path());
  REQUIRE(result.exit_code == 143);
  REQUIRE_THAT(result.err, ContainsSubstring("stopped by SIGTERM"));
  REQUIRE(!fs::exists(folder / "f.safetensors"));
}

}  // namespace longclip::test
