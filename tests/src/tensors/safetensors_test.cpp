// tests/src/tensors/safetensors_test.cpp -- tensors/safetensors.h
#include "tensors/safetensors.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "base/json.h"
#include "support/reference_data.h"
#include "tensors/shape.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("Safetensors: writing what was read gives the bytes of the reference library again", "[tensors][golden]") {
  const auto golden = test::golden_dir();
  if (!golden) return test::say_skipped("safetensors round trip", "shared/golden");
  const test::TemporaryFolder folder;
  int num_files = 0;
  for (const auto& item : std::filesystem::directory_iterator(*golden)) {
    if (item.path().extension() != ".safetensors") continue;
    const TensorFile file = read_safetensors(item.path());
    write_safetensors(folder / "copy.safetensors", file.tensors, file.metadata);
    CAPTURE(item.path().string());
    REQUIRE(test::read_text(folder / "copy.safetensors") == test::read_text(item.path()));
    ++num_files;
  }
  REQUIRE(num_files > 0);
}

TEST_CASE("Safetensors: legal headers load with the given values, illegal ones are refused with the file named",
          "[tensors][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("safetensors headers", "shared/cases");
  const auto folder = *cases / "10_safetensors_headers";
  const Json expected = parse_json(test::read_text(folder / "case.json"), "case.json")["expected"]["values"];
  REQUIRE(!expected.empty());
  for (const auto& [name, value] : expected.items()) {
    CAPTURE(name);
    if (value["reference"] == "refused") {
      REQUIRE_THROWS_AS(read_safetensors(folder / name), DataError);
      REQUIRE_THROWS_WITH(read_safetensors(folder / name), ContainsSubstring(name));
      continue;
    }
    const TensorFile file = read_safetensors(folder / name);
    REQUIRE(file.tensors.size() == value["tensors"].size());
    for (const auto& [key, tensor] : value["tensors"].items()) {
      const at::Tensor& found = file.tensors.at(key);
      REQUIRE(Json(found.sizes().vec()) == tensor["shape"]);
      const at::Tensor flat = found.flatten().to(at::kDouble);
      for (int64_t i = 0; i < flat.numel(); ++i)
        REQUIRE(flat[i].item<double>() == tensor["values"][static_cast<size_t>(i)]);
    }
  }
}

TEST_CASE("Safetensors: every type, an empty tensor, a scalar and a transposed view survive a round trip",
          "[tensors][unit]") {
  const test::TemporaryFolder folder;
  TensorMap tensors;
  for (const auto dtype : {at::kBool, at::kByte, at::kChar, at::kShort, at::kHalf, at::kBFloat16, at::kInt, at::kFloat,
                           at::kDouble, at::kLong}) {
    tensors[std::string("t_") + c10::toString(dtype)] = at::arange(6).to(dtype).view({2, 3});
  }
  tensors["empty"] = at::zeros({0, 3});
  tensors["scalar"] = at::full({}, 2.5);
  tensors["view"] = at::arange(6, at::kFloat).view({2, 3}).t();
  write_safetensors(folder / "a.safetensors", tensors, {{"note", "x"}});
  const TensorFile file = read_safetensors(folder / "a.safetensors");
  REQUIRE(file.metadata == std::map<std::string, std::string>{{"format", "pt"}, {"note", "x"}});
  REQUIRE(file.tensors.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    CAPTURE(name);
    REQUIRE(file.tensors.at(name).scalar_type() == tensor.scalar_type());
    REQUIRE(at::equal(file.tensors.at(name), tensor));
  }
}

TEST_CASE("Safetensors: a failed write leaves the old file and no temporary one", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "a.safetensors", "old");
  REQUIRE_THROWS_AS(write_safetensors(folder / "a.safetensors", {{"x", at::zeros({2}, at::kComplexFloat)}}),
                    std::runtime_error);
  REQUIRE(test::read_text(folder / "a.safetensors") == "old");
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

}  // namespace longclip
