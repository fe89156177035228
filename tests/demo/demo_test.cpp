// tests/demo/demo_test.cpp -- longclip demo: its numbers, its determinism, and that it goes on after an interruption.
#include <filesystem>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "support/reference_data.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// Runs the demo into `out` and returns its JSON without the seconds.
Json run_demo(const std::filesystem::path& out, const std::string& options) {
  const auto result = test::run_command(fmt::format("'{}' demo --json --out '{}' {}", test::program().string(), out.string(), options));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  Json json = parse_json(result.out, "demo");
  std::cout << "demo " << options << ": " << json.at("seconds") << " seconds" << std::endl;
  json.erase("seconds");
  return json;
}

double recall(const Json& demo, size_t model, const char* captions, const char* way) {
  return demo.at("models").at(model).at("scores").at(captions).at(way).at("R@1").get<double>();
}

constexpr const char* kSmall = "--train-scenes 256 --short-steps 6 --long-steps 4";

}  // namespace

TEST_CASE("demo: fine-tuning reaches 40 % long R@1 on held-out scenes and loses nothing on short captions", "[demo][e2e]") {
  const test::TemporaryFolder folder;
  const Json demo = run_demo(folder / "demo", "");
  for (const char* way : {"image_to_text", "text_to_image"}) {
    std::cout << way << ": long " << recall(demo, 0, "long", way) << " -> " << recall(demo, 2, "long", way) << ", short "
              << recall(demo, 0, "short", way) << " -> " << recall(demo, 2, "short", way) << std::endl;
    REQUIRE(recall(demo, 2, "long", way) >= 0.40);
    REQUIRE(recall(demo, 2, "long", way) > recall(demo, 0, "long", way));
    REQUIRE(recall(demo, 2, "short", way) >= recall(demo, 0, "short", way));
  }
  for (const char* file : {"hf/model.safetensors", "hf/tokenizer_config.json", "longclip.pt"}) REQUIRE(std::filesystem::exists(folder / "demo" / file));
}

TEST_CASE("demo: the same seed gives the same numbers, another seed others", "[demo][e2e]") {
  const test::TemporaryFolder folder;
  const Json first = run_demo(folder / "a", kSmall);
  REQUIRE(run_demo(folder / "b", kSmall) == first);
  REQUIRE(run_demo(folder / "c", std::string(kSmall) + " --seed 1") != first);
}

TEST_CASE("demo: a finished demo is shown again at once, and one with other options is not overwritten", "[demo][e2e]") {
  const test::TemporaryFolder folder;
  const Json first = run_demo(folder / "demo", kSmall);
  REQUIRE(run_demo(folder / "demo", kSmall) == first);
  const auto other = test::run_command(fmt::format("'{}' demo --seed 5 --out '{}'", test::program().string(), (folder / "demo").string()));
  REQUIRE(other.exit_code == 2);
  REQUIRE_THAT(other.err, ContainsSubstring("other options"));
}

}  // namespace longclip
