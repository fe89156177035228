// tests/e2e/encode_test.cpp -- longclip encode: features of pictures and texts, row by row.
#include <ATen/Functions.h>

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

TEST_CASE("encode: folders give the pictures in the folders in them, and stdin the pictures or texts of its lines", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "pictures/z.png");
  write_blue_png(folder / "pictures/deep/a.png");
  const std::string command = "encode " + stretched_model() + " --overwrite --out f.safetensors ";
  const auto names = [&](const std::string& arguments, const std::string& name) {
    run_well(command + arguments, folder.path());
    const at::Tensor bytes = read_safetensors(folder / "f.safetensors").tensors.at(name);
    return parse_json({reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()), static_cast<size_t>(bytes.numel())}, name);
  };
  REQUIRE(names("--images pictures", "image_names") == Json{"pictures/deep/a.png", "pictures/z.png"});
  write_text(folder / "list", "pictures/z.png\n\npictures/deep/a.png\n");
  REQUIRE(names("--images - < list", "image_names") == Json{"pictures/z.png", "pictures/deep/a.png"});
  write_text(folder / "rows", "{\"text\": \"a cat\"}\n{\"text\": \"\"}\n");
  REQUIRE(names("--texts - --jsonl < rows", "texts") == Json{"a cat", ""});
  REQUIRE(names("--texts - < rows", "texts").size() == 2);
  REQUIRE_THAT(run_longclip(command + "--texts - --images - < list", folder.path()).err, ContainsSubstring("not both"));
}

TEST_CASE("encode: patches and tokens stand beside the features, which stay the same", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "a.png");
  write_blue_png(folder / "b.png");
  write_text(folder / "texts.txt", "a cat\n\na dog <|endoftext|> and what nobody reads\n");
  const std::string command = "encode " + stretched_model() + " --images a.png b.png --texts texts.txt --batch 2 ";
  run_well(command + "--out plain.safetensors", folder.path());
  run_well(command + "--patch-features --token-features --out parts.safetensors", folder.path());
  const TensorMap plain = read_safetensors(folder / "plain.safetensors").tensors, parts = read_safetensors(folder / "parts.safetensors").tensors;
  REQUIRE(plain.size() == 4);
  REQUIRE(parts.size() == 8);
  for (const auto& [name, tensor] : plain) {
    CAPTURE(name);
    REQUIRE(parts.at(name).sub(tensor).abs().max().item<double>() <= kSame);
  }
  REQUIRE(parts.at("text_lengths").equal(at::tensor({4, 2, 4}, at::kInt)));
  REQUIRE(parts.at("text_token_features").size(0) == 10);
  REQUIRE(parts.at("text_token_ids")[4].item<int>() == 49406);
  REQUIRE(parts.at("text_token_ids")[9].item<int>() == 49407);
  REQUIRE(parts.at("image_patch_features").size(0) == 2);
}

TEST_CASE("encode: broken pictures are rows of NaN with --keep-going, cut or turned ones are read as asked", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "a.png");
  write_text(folder / "b.png", "no picture");
  const std::string command = "encode " + stretched_model() + " --images a.png b.png a.png --batch 2 --patch-features --out f.safetensors ";
  REQUIRE(run_longclip(command, folder.path()).exit_code == 2);
  run_well(command + "--keep-going", folder.path());
  const TensorMap tensors = read_safetensors(folder / "f.safetensors").tensors;
  for (const char* name : {"image_features", "image_patch_features"}) {
    const at::Tensor nan_3 = tensors.at(name).flatten(1).isnan().all(1);
    REQUIRE(nan_3.equal(at::tensor({0, 1, 0}).to(at::kBool)));
    REQUIRE(distance(tensors.at(name), 0, 2) <= kSame);
  }
  if (!cases_dir()) return say_skipped("cut pictures", "the cases");
  const fs::path pictures = *cases_dir() / "06_picture_modes_and_damage";
  const std::string cut = "encode " + stretched_model() + " --out cut.safetensors --images " + (pictures / "cut.jpg").string();
  REQUIRE(run_longclip(cut, folder.path()).exit_code == 2);
  run_well(cut + " --load-truncated", folder.path());
  const std::string turned = "encode " + stretched_model() + " --images " + (pictures / "exif_6.jpg").string() + " --out ";
  run_well(turned + "as_stored.safetensors", folder.path());
  run_well(turned + "upright.safetensors --exif-orientation apply", folder.path());
  const at::Tensor stored = read_safetensors(folder / "as_stored.safetensors").tensors.at("image_features");
  REQUIRE(read_safetensors(folder / "upright.safetensors").tensors.at("image_features").sub(stored).abs().max().item<double>() > kSame);
}

TEST_CASE("encode: what cannot go together is said before any work", "[e2e]") {
  const TemporaryFolder folder;
  write_red_png(folder / "a.png");
  write_text(folder / "t.txt", "a cat\n");
  fs::create_directories(folder / "empty");
  for (const auto& [arguments, says] : {std::pair{"--out f.npy --images a.png --texts t.txt", "one matrix"},
                                        {"--out f.npy --images a.png --patch-features", "one matrix"},
                                        {"--out f.safetensors --images a.png --token-features", "--token-features needs --texts"},
                                        {"--out f.safetensors --texts t.txt --patch-features", "--patch-features needs --images"},
                                        {"--out f.safetensors", "nothing to encode"},
                                        {"--out t.txt --images a.png", "t.txt"},
                                        {"--out f.safetensors --images empty", "empty: the folder holds no picture"}}) {
    const CommandResult result = run_longclip("encode " + stretched_model() + " " + arguments, folder.path());
    CAPTURE(arguments, result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
    REQUIRE(!fs::exists(folder / "f.npy"));
    REQUIRE(!fs::exists(folder / "f.safetensors"));
  }
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
