// tests/src/model/stretch_test.cpp -- model/stretch.h
#include "model/stretch.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/TensorOperators.h>

#include "base/error.h"
#include "support/reference_data.h"
#include "tensors/safetensors.h"
#include "toy_golden.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("Stretch: the fp32 rule and upstream's half rule give the reference tables", "[model][golden]") {
  for (const auto& folder : test::toy_folders()) {
    CAPTURE(folder.string());
    const TensorMap tables = read_safetensors(folder / "stretch.safetensors").tensors;
    const at::Tensor single = stretch_positions(tables.at("table_77"), {});
    const double difference = test::max_difference(single, tables.at("single_248"));
    test::report_difference("stretch, fp32 rule", difference, 1e-7);
    REQUIRE(difference <= 1e-7);
    const at::Tensor half = stretch_positions(tables.at("table_77"), {.half = true});
    test::report_difference("stretch, half rule", test::max_difference(half, tables.at("upstream_248")), 0);
    REQUIRE(at::equal(half, tables.at("upstream_248").to(at::kFloat)));
  }
}

TEST_CASE("Stretch: the half rule gives the published LongCLIP-B table exactly", "[model][golden]") {
  if (!test::data_dir()) return test::say_skipped("published table", "shared/data");
  const at::Tensor published = test::published_table("positional_embedding", 248, 512);
  std::vector<at::Tensor> anchors;  // rows of OpenAI's table that the stretched one still holds
  for (int64_t row = 0; row < 77; ++row) anchors.push_back(published[row < 20 ? row : 20 + 4 * (row - 20)]);
  const at::Tensor half = stretch_positions(at::stack(anchors), {.half = true});
  test::report_difference("published LongCLIP-B positions, half rule", test::max_difference(half, published), 0);
  REQUIRE(at::equal(half, published));
  const double single = test::max_difference(stretch_positions(at::stack(anchors), {}), published);
  REQUIRE(single > 0);
  REQUIRE(single < 1e-4);
}

TEST_CASE("Stretch: any keep, ratio and length obey the stated formula", "[model][unit]") {
  for (const auto& [n, keep, ratio] :
       {std::tuple<int64_t, int64_t, int64_t>{2, 0, 2}, {5, 4, 3}, {77, 20, 4}, {77, 0, 2}, {9, 3, 7}}) {
    const at::Tensor old = at::randn({n, 3});
    const at::Tensor stretched = stretch_positions(old, {.keep = keep, .ratio = ratio});
    REQUIRE(stretched.size(0) == ratio * n - (ratio - 1) * keep);
    for (int64_t row = 0; row < stretched.size(0); ++row) {
      const int64_t i = row < keep ? row : keep + (row - keep) / ratio;
      const double w = row < keep ? 0 : static_cast<double>((row - keep) % ratio) / static_cast<double>(ratio);
      const at::Tensor step = i + 1 < n ? old[i + 1] - old[i] : old[n - 1] - old[n - 2];
      CAPTURE(n, keep, ratio, row);
      if (w == 0)
        REQUIRE(at::equal(stretched[row], old[i]));
      else
        REQUIRE(test::max_difference(stretched[row], old[i] + step * w) < 1e-6);
    }
  }
}

TEST_CASE("Stretch: to a length, rows after the kept ones are interpolated evenly and both ends stay",
          "[model][unit]") {
  const at::Tensor line = at::arange(77, at::kFloat).unsqueeze(1);
  for (const int64_t keep : {0, 20, 75}) {
    const at::Tensor stretched = stretch_positions(line, {.keep = keep, .to = 512});
    REQUIRE(stretched.size(0) == 512);
    REQUIRE(at::equal(stretched.slice(0, 0, keep + 1), line.slice(0, 0, keep + 1)));
    REQUIRE(stretched[511].item<float>() == 76.0f);
    const double step = static_cast<double>(76 - keep) / static_cast<double>(511 - keep);
    for (int64_t row = keep; row < 512; ++row) {
      REQUIRE(std::abs(stretched[row].item<double>() -
                       (static_cast<double>(keep) + step * static_cast<double>(row - keep))) < 1e-5);
    }
  }
}

TEST_CASE("Stretch: an impossible request is an error that names the option", "[model][unit]") {
  const at::Tensor table = at::randn({77, 4});
  const auto refused = [&](const StretchRequest& request, const char* option) {
    REQUIRE_THROWS_AS(stretch_positions(table, request), InputError);
    REQUIRE_THROWS_WITH(stretch_positions(table, request), ContainsSubstring(option));
  };
  refused({.keep = 77}, "--keep");
  refused({.keep = -1}, "--keep");
  refused({.keep = 76, .to = 300}, "--keep");
  refused({.ratio = 1}, "--ratio");
  refused({.ratio = 1 << 30}, "--ratio");
  refused({.to = 77}, "--to");
  refused({.to = int64_t{1} << 40}, "--to");
  refused({.ratio = 4, .to = 248}, "not both");
  REQUIRE_THROWS_WITH(stretch_positions(table * 1e6, {.half = true}), ContainsSubstring("not finite"));
}

}  // namespace longclip
