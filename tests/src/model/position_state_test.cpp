// tests/src/model/position_state_test.cpp -- model/position_state.h
#include "model/position_state.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>

#include "model/stretch.h"
#include "support/reference_data.h"
#include "toy_golden.h"
#include "support/catch.h"

namespace longclip {
namespace {

using Kind = PositionState::Kind;

at::Tensor noise(at::IntArrayRef sizes, double size) { return at::randn(sizes) * size; }

}  // namespace

TEST_CASE("PositionState: a table as stretching leaves it is told from one that a step of training moved",
          "[model][unit]") {
  const at::Tensor old = noise({77, 64}, 0.05);
  for (const StretchRequest& request :
       {StretchRequest{}, StretchRequest{.half = true}, StretchRequest{.keep = 0, .ratio = 2},
        StretchRequest{.keep = 20, .to = 300}, StretchRequest{.keep = 5, .ratio = 7}}) {
    const at::Tensor table = stretch_positions(old, request);
    const Stretch record = stretch_record(77, request);
    CAPTURE(record.keep, record.ratio.value_or(0), request.half, table.size(0));
    REQUIRE(position_state(table, record).kind == Kind::kNotTrained);
    for (const auto dtype : {at::kHalf, at::kBFloat16})
      REQUIRE(position_state(table.to(dtype).to(at::kFloat), record).kind == Kind::kNotTrained);
    at::Tensor trained = table.clone();
    trained.slice(0, record.keep).add_(noise({table.size(0) - record.keep, 64}, 1e-6));  // one step of AdamW at lr 1e-6
    REQUIRE(position_state(trained, record).kind == Kind::kTrained);
  }
}

TEST_CASE("PositionState: 57 rows a ratio and 20 are looked at as stretched without being told", "[model][unit]") {
  const at::Tensor old = noise({77, 64}, 0.05);
  REQUIRE(position_state(old, std::nullopt).kind == Kind::kNotStretched);
  const PositionState state = position_state(stretch_positions(old, {}), std::nullopt);
  REQUIRE(state.kind == Kind::kNotTrained);
  REQUIRE(state.stretch == Stretch{.keep = 20, .ratio = 4, .source_length = 77});
  REQUIRE(position_state(noise({248, 64}, 0.05), std::nullopt).kind == Kind::kTrained);
  REQUIRE(position_state(noise({256, 64}, 0.05), std::nullopt).kind == Kind::kUnknown);
}

TEST_CASE("PositionState: rows that no caption reached are still on their lines", "[model][unit]") {
  at::Tensor table = stretch_positions(noise({77, 64}, 0.05), {});
  table.slice(0, 20, 100).add_(noise({80, 64}, 1e-4));
  table.slice(0, 100).mul_(0.99);  // weight decay keeps lines
  const PositionState state = position_state(table, std::nullopt);
  REQUIRE(state.kind == Kind::kPartlyTrained);
  REQUIRE(state.last_moved >= 99);
  REQUIRE(state.last_moved <= 101);
}

TEST_CASE("PositionState: a length of less than twice the old rows says nothing", "[model][unit]") {
  const StretchRequest request{.to = 100};
  const at::Tensor table = stretch_positions(noise({77, 64}, 0.05), request);
  REQUIRE(position_state(table, stretch_record(77, request)).kind == Kind::kUnknown);
}

TEST_CASE("PositionState: of the published LongCLIP-B tables one is stretched only and the other trained",
          "[model][golden]") {
  if (!test::data_dir()) return test::say_skipped("published tables", "shared/data");
  const auto table = [](const char* name) { return test::published_table(name, 248, 512); };
  REQUIRE(position_state(table("positional_embedding"), std::nullopt).kind == Kind::kNotTrained);
  REQUIRE(position_state(table("positional_embedding_res"), std::nullopt).kind == Kind::kTrained);
}

}  // namespace longclip
