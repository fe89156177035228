// tests/src/tensors/pt_file_test.cpp -- tensors/pt_file.h
#include "tensors/pt_file.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "support/reference_data.h"
#include "tensors/safetensors.h"
#include "tensors/tensor_file.h"
#include "torch_archive.h"
#include "support/catch.h"

namespace longclip {
namespace {

using test::dict_of;
using test::global;
using test::integer;
using test::joined;
using test::tensor;
using test::text;

const std::string kFourFloats = [] {
  const float values[] = {1, 2, 3, 4};
  return std::string(reinterpret_cast<const char*>(values), sizeof values);
}();

TensorFile read_pickle(const std::string& pickle) {
  const test::TemporaryFolder folder;
  test::write_archive(folder / "a.pt", {{"data.pkl", pickle}, {"data/0", kFourFloats}});
  return read_pt(folder / "a.pt");
}

std::string refusal(const std::string& pickle) {
  try {
    read_pickle(pickle);
  } catch (const DataError& error) {
    return error.what();
  }
  return "was read";
}

const std::string kOneSize = joined("(", integer(4), "t");
const std::string kOneStride = joined("(", integer(1), "t");
const std::string kGoodTensor = tensor("0", 4, 0, kOneSize, kOneStride);

}  // namespace

TEST_CASE("Pt file: what torch.save and TorchScript wrote equals the safetensors file of the same model",
          "[tensors][golden]") {
  const auto golden = test::golden_dir();
  if (!golden) return test::say_skipped("torch files", "shared/golden");
  const TensorMap wanted = read_safetensors(*golden / "toy_clip_state.safetensors").tensors;
  const TensorFile saved = read_tensor_file(*golden / "toy_clip_state_dict.pt");
  const TensorFile script = read_tensor_file(*golden / "toy_clip_openai.pt");
  REQUIRE(saved.format == "torch.save");
  REQUIRE(script.format == "TorchScript");
  REQUIRE(saved.tensors.size() == wanted.size());
  for (const auto& [name, value] : wanted) {
    CAPTURE(name);
    REQUIRE(saved.tensors.at(name).scalar_type() == at::kHalf);
    REQUIRE(at::equal(saved.tensors.at(name), value));
    REQUIRE(at::equal(script.tensors.at(name).to(at::kHalf), value));
  }
  REQUIRE(script.tensors.at("context_length").item<int64_t>() == 77);
}

TEST_CASE("Pt file: a training checkpoint gives nested names and says what it ignored", "[tensors][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("nested checkpoint", "shared/cases");
  const TensorFile file = read_pt(*cases / "08_pt_nested_prefixes_scalar_shape" / "epoch_3.pt");
  REQUIRE(file.tensors.contains("state_dict.module._orig_mod.visual.proj"));
  REQUIRE(file.tensors.contains("optimizer.state.0.exp_avg"));
  const auto ignores = [&](const std::string& what) {
    return std::find(file.ignored.begin(), file.ignored.end(), what) != file.ignored.end();
  };
  REQUIRE(ignores("entry 'epoch'"));
  REQUIRE(ignores("entry 'scaler'"));
  REQUIRE(ignores("objects of numpy._core.multiarray.scalar"));
}

TEST_CASE("Pt file: every type, an empty tensor, a scalar and a transposed view survive a round trip",
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
  write_pt(folder / "a.pt", tensors);
  const TensorFile file = read_tensor_file(folder / "a.pt");
  REQUIRE(file.tensors.size() == tensors.size());
  for (const auto& [name, value] : tensors) {
    CAPTURE(name);
    REQUIRE(file.tensors.at(name).scalar_type() == value.scalar_type());
    REQUIRE(at::equal(file.tensors.at(name), value));
  }
}

TEST_CASE("Pt file: strided and expanded views of one storage become tensors of their own", "[tensors][unit]") {
  const std::string square = joined("(", integer(2), integer(2), "t");
  const std::string transposed = tensor("0", 4, 0, square, joined("(", integer(1), integer(2), "t"));
  const std::string every_other = tensor("0", 4, 1, joined("(", integer(2), "t"), joined("(", integer(2), "t"));
  const std::string repeated = tensor("0", 4, 2, joined("(", integer(6), "t"), joined("(", integer(0), "t"));
  const TensorFile file = read_pickle(joined("\x80\x02}(", text("a"), transposed, text("b"), every_other, text("c"),
                                             kGoodTensor, text("d"), repeated, "u."));
  REQUIRE(at::equal(file.tensors.at("a"), at::tensor({1.f, 3.f, 2.f, 4.f}).view({2, 2})));
  REQUIRE(at::equal(file.tensors.at("b"), at::tensor({2.f, 4.f})));
  REQUIRE(at::equal(file.tensors.at("c"), at::tensor({1.f, 2.f, 3.f, 4.f})));
  REQUIRE(at::equal(file.tensors.at("d"), at::full({6}, 3.0)));
}

TEST_CASE("Pt file: a file that names code is refused by the name of that code", "[tensors][unit]") {
  for (const auto& [module, name] : {std::pair{"os", "system"},
                                     {"posix", "system"},
                                     {"nt", "system"},
                                     {"subprocess", "Popen"},
                                     {"builtins", "eval"},
                                     {"__builtin__", "exec"},
                                     {"runpy", "run_path"},
                                     {"os.path", "join"}}) {
    const std::string full = std::string(module) + "." + name;
    REQUIRE_THAT(refusal(dict_of("x", global(module, name) + text("touch /tmp/x") + "\x85R")), ContainsSubstring(full));
    REQUIRE_THAT(refusal(dict_of("x", text(module) + text(name) + "\x93" + text("ls") + "\x85R")),
                 ContainsSubstring(full));
  }
}

TEST_CASE("Pt file: an unknown class stays inert, but a tensor that needs it is refused by its name",
          "[tensors][unit]") {
  const TensorFile file = read_pickle(
      joined("\x80\x02}(", text("w"), kGoodTensor, text("o"), global("my.lib", "Thing"), text("x"), "\x85Ru."));
  REQUIRE(file.tensors.size() == 1);
  REQUIRE(file.ignored == std::vector<std::string>{"entry 'o'", "objects of my.lib.Thing"});
  REQUIRE_THAT(refusal(dict_of("w", global("my.lib", "unpack") + kGoodTensor + "\x85R")),
               ContainsSubstring("'w' is built by my.lib.unpack"));
  const std::string nested = joined(global("my.lib", "sparse"), "(", integer(3), kGoodTensor, "\x85tR");
  REQUIRE_THAT(refusal(dict_of("w", nested)), ContainsSubstring("'w' is built by my.lib.sparse"));
  const std::string foreign = global("torch._utils", "_rebuild_tensor_v2") + "(" + global("my.lib", "storage") + ")R" +
                              integer(0) + kOneSize + kOneStride + "tR";
  REQUIRE_THAT(refusal(dict_of("w", foreign)), ContainsSubstring("my.lib.storage"));
}

TEST_CASE("Pt file: tensors that leave their storage, overflow or describe more than the file holds are refused",
          "[tensors][unit]") {
  const auto two = [](int64_t a, int64_t b) { return joined("(", integer(a), integer(b), "t"); };
  const int64_t huge = int64_t{1} << 40;
  REQUIRE_THAT(refusal(dict_of("w", tensor("0", 4, 1, kOneSize, kOneStride))),
               ContainsSubstring("outside its storage"));
  REQUIRE_THAT(refusal(dict_of("w", tensor("0", 4, 0, two(2, 2), two(INT64_MAX, 1)))),
               ContainsSubstring("outside its storage"));
  REQUIRE_THAT(refusal(dict_of("w", tensor("0", 4, 0, two(huge, huge), two(0, 0)))),
               ContainsSubstring("outside its storage"));
  REQUIRE_THAT(refusal(dict_of("w", tensor("0", 4, 0, two(-1, -4), two(1, 1)))),
               ContainsSubstring("outside its storage"));
  REQUIRE_THAT(refusal(dict_of("w", tensor("0", 4, -1, kOneSize, kOneStride))),
               ContainsSubstring("outside its storage"));
  REQUIRE_THAT(refusal(dict_of("w", tensor("0", huge, 0, two(2, 4), two(4, 1)))),
               ContainsSubstring("storage '0' has 16 bytes"));
  REQUIRE_THAT(refusal(dict_of("w", tensor("0", 4, 0, two(huge, 4), two(0, 1)))),
               ContainsSubstring("times the size of the file"));
  REQUIRE_THAT(refusal(dict_of("w", tensor("7", 4, 0, kOneSize, kOneStride))), ContainsSubstring("data/7"));
  std::string many = "\x80\x02}(";
  for (int i = 0; i < 100000; ++i) many += text(std::to_string(i)) + (i == 0 ? kGoodTensor + "q\x01" : "h\x01");
  REQUIRE(read_pickle(many + "u.").tensors.size() == 100000);
}

TEST_CASE("Pt file: cycles, deep nesting and exploding references end in an error", "[tensors][unit]") {
  REQUIRE_THAT(refusal(joined("\x80\x02}q\x01", text("self"), "h\x01s.")), ContainsSubstring("contain themselves"));
  std::string deep = "\x80\x02";
  for (int i = 0; i < 100000; ++i) deep += joined("}", text("a"));
  deep += "N";
  for (int i = 0; i < 100000; ++i) deep += "s";
  REQUIRE_THAT(refusal(deep + "."), ContainsSubstring("nested deeper"));
  std::string laughs = joined("\x80\x02]q", std::string(1, '\0'));
  for (char i = 0; i < 60; ++i) laughs += std::string("(h") + i + "h" + i + "h" + i + "lq" + static_cast<char>(i + 1);
  REQUIRE_THAT(refusal(laughs + "."), ContainsSubstring("more than"));
  REQUIRE_THAT(refusal(joined("\x80\x02", std::string(5'000'000, 'N'), ".")), ContainsSubstring("more than"));
  REQUIRE_THAT(refusal("\x80\x02h\x05."), ContainsSubstring("refers to a value"));
  REQUIRE_THAT(refusal("\x80\x02."), ContainsSubstring("takes more values"));
}

TEST_CASE("Pt file: damaged records, overlaps and foreign byte orders are refused", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  const auto path = folder / "a.pt";
  test::write_archive(path, {{"data.pkl", dict_of("w", kGoodTensor)}, {"data/0", kFourFloats}});
  std::string bytes = test::read_text(path);
  const std::string whole = bytes;
  bytes[bytes.find(kFourFloats)] ^= 1;
  test::write_text(path, bytes);
  REQUIRE_THROWS_WITH(read_pt(path), ContainsSubstring("data/0' is damaged"));

  const size_t first = whole.find("PK\x01\x02");
  const size_t second = whole.find("PK\x01\x02", first + 1);
  bytes = whole;
  bytes[first + 21] = bytes[first + 25] =
      static_cast<char>(bytes[first + 25] + 1);  // 256 bytes longer: covers the next record
  test::write_text(path, bytes);
  REQUIRE_THROWS_WITH(read_pt(path), ContainsSubstring("overlap"));
  bytes = whole;
  bytes[second + 10] = 8;  // deflate
  test::write_text(path, bytes);
  REQUIRE_THROWS_WITH(read_pt(path), ContainsSubstring("compressed"));

  test::write_archive(path, {{"data.pkl", dict_of("w", kGoodTensor)}, {"data/0", kFourFloats}, {"byteorder", "big"}});
  REQUIRE_THROWS_WITH(read_pt(path), ContainsSubstring("big-endian"));
}

}  // namespace longclip
