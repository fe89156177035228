// tests/src/tensors/npy_test.cpp -- matrices as NumPy's files. That NumPy reads them: tests/python/encode_test.py.
#include "tensors/npy.h"

#include <ATen/Functions.h>

#include "base/error.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {

TEST_CASE("npy: a matrix comes back as it was, whatever its strides", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  const at::Tensor matrix = at::arange(12, at::kFloat).reshape({4, 3}).t();
  write_npy(folder / "m.npy", matrix);
  REQUIRE(read_npy(folder / "m.npy").equal(matrix));
  REQUIRE(test::read_text(folder / "m.npy").size() == 128 + 12 * sizeof(float));
  write_npy(folder / "none.npy", at::empty({0, 3}));
  REQUIRE(read_npy(folder / "none.npy").sizes() == at::IntArrayRef({0, 3}));
}

TEST_CASE("npy: what is no float32 matrix is not written", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  REQUIRE_THROWS_AS(write_npy(folder / "m.npy", at::ones({2, 2, 2})), ShapeError);
  REQUIRE_THROWS_AS(write_npy(folder / "m.npy", at::ones({2, 2}, at::kDouble)), ShapeError);
  REQUIRE_FALSE(std::filesystem::exists(folder / "m.npy"));
}

TEST_CASE("npy: damaged and other files are refused by name", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  write_npy(folder / "good.npy", at::ones({4, 3}));
  const std::string good = test::read_text(folder / "good.npy");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const auto& [text, says] : {std::pair{std::string(), "is no .npy file"},
                                   {std::string("\x93NUMPY"), "is no .npy file"},
                                   {with("NUMPY", "NUMPI"), "is no .npy file"},
                                   {with("\x01", "\x09"), "version 9"},
                                   {with("<f4", "<f8"), "must be a float32 matrix"},
                                   {with("False", "True "), "must be a float32 matrix"},
                                   {with("(4, 3)", "(12,) "), "must be a float32 matrix"},
                                   {with("(4, 3)", "(5, 3)"), "48 bytes are no matrix of 5 x 3"},
                                   {with("(4, 3), }           ", "(999999999999, 3), }"), "no matrix of 999999999999 x 3"},
                                   {good.substr(0, good.size() - 1), "47 bytes"},
                                   {good + "x", "49 bytes"},
                                   {good.substr(0, 90), "the header is longer than the file"}}) {
    CAPTURE(says);
    test::write_text(folder / "bad.npy", text);
    REQUIRE_THROWS_AS(read_npy(folder / "bad.npy"), DataError);
    REQUIRE_THROWS_WITH(read_npy(folder / "bad.npy"), ContainsSubstring("bad.npy: ") && ContainsSubstring(says));
  }
}

}  // namespace longclip
