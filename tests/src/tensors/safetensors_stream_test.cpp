// tests/src/tensors/safetensors_stream_test.cpp -- a file written row by row is the file written at once.
#include "tensors/safetensors_stream.h"

#include <ATen/Functions.h>

#include "base/error.h"
#include "support/catch.h"
#include "support/reference_data.h"
#include "tensors/safetensors.h"

namespace longclip {

TEST_CASE("SafetensorsStream: rows that come in pieces give the bytes of the whole", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  const at::Tensor a = at::arange(24, at::kFloat).reshape({4, 3, 2}), b = at::arange(5, at::kInt), none = at::empty({0, 3}, at::kByte);
  SafetensorsStream stream(folder / "pieces.safetensors", {{"a", at::kFloat, {4, 3, 2}}, {"b", at::kInt, {5}}, {"none", at::kByte, {0, 3}}}, {{"key", "value"}});
  stream.append(a.slice(0, 0, 1));
  stream.append(a.slice(0, 1, 4));
  REQUIRE_FALSE(std::filesystem::exists(folder / "pieces.safetensors"));
  stream.append(b);
  stream.append(none);
  stream.commit();
  write_safetensors(folder / "whole.safetensors", {{"a", a}, {"b", b}, {"none", none}}, {{"key", "value"}});
  REQUIRE(test::read_text(folder / "pieces.safetensors") == test::read_text(folder / "whole.safetensors"));
  const TensorFile some = read_safetensors(folder / "pieces.safetensors", {.wanted = [](const std::string& name) { return name == "b"; }});
  REQUIRE(some.tensors.size() == 1);
  REQUIRE(some.tensors.at("b").equal(b));
  REQUIRE(some.metadata.at("key") == "value");
}

TEST_CASE("SafetensorsStream: rows that do not fit, are too many or are missing are errors, and leave no file", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  {
    SafetensorsStream stream(folder / "x.safetensors", {{"a", at::kFloat, {2, 3}}}, {});
    REQUIRE_THROWS_WITH(stream.append(at::ones({1, 2})), ContainsSubstring("do not fit tensor 'a'"));
    REQUIRE_THROWS_AS(stream.append(at::ones({1, 3}, at::kDouble)), ShapeError);
    REQUIRE_THROWS_AS(stream.append(at::ones({3, 3})), ShapeError);
    stream.append(at::ones({1, 3}));
    REQUIRE_THROWS_WITH(stream.commit(), ContainsSubstring("3 numbers of tensor 'a' are missing"));
    stream.append(at::ones({1, 3}));
    REQUIRE_THROWS_WITH(stream.append(at::ones({1, 3})), ContainsSubstring("too many"));
  }
  REQUIRE(std::filesystem::is_empty(folder.path()));
}

}  // namespace longclip
