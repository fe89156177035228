// tests/src/tensors/legacy_pt_test.cpp -- tensors/legacy_pt.h: files of PyTorch before 1.6, written here byte by byte.
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <random>

#include "base/error.h"
#include "support/reference_data.h"
#include "tensors/pt_file.h"
#include "tensors/tensor_file.h"
#include "torch_archive.h"
#include "support/catch.h"

namespace longclip {
namespace {

using test::dict_of;
using test::global;
using test::integer;
using test::joined;
using test::text;

const std::string kMagic("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.", 15);

std::string pickle(const std::string& opcodes) { return joined("\x80\x02", opcodes, "."); }
std::string raw(int64_t value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); }
std::string tuple(std::initializer_list<int64_t> values) {
  std::string opcodes = "(";
  for (const int64_t value : values) opcodes += integer(value);
  return opcodes + "t";
}

/// _rebuild_tensor_v2 of a storage of `type`; `view`: opcodes of the sixth member of its description.
std::string legacy_tensor(const std::string& type, const std::string& key, int64_t count, const std::string& shape,
                          const std::string& view = "N") {
  const std::string storage =
      joined("(", text("storage"), global("torch", type), text(key), text("cpu"), integer(count), view, "tQ");
  return joined(global("torch._utils", "_rebuild_tensor_v2"), "(", storage, integer(0), shape, "\x89",
                global("collections", "OrderedDict"), ")RtR");
}

/// The parts of a file, each to be damaged.
struct Legacy {
  std::string magic = kMagic;
  std::string version = pickle(integer(1001));
  std::string machine = pickle(joined("}", text("little_endian"), "\x88s"));
  std::string object;
  std::string keys;
  std::string storages;

  std::string bytes() const { return magic + version + machine + object + keys + storages; }
};

Legacy two_tensors() {
  const float floats[] = {1, 2, 3, 4, 5, 6};
  const int16_t shorts[] = {7, -8};
  Legacy file;
  file.object = pickle(joined("}(", text("w"), legacy_tensor("FloatStorage", "f", 6, tuple({2, 3}) + tuple({3, 1})),
                              text("t"), legacy_tensor("FloatStorage", "f", 6, tuple({3, 2}) + tuple({1, 3})),
                              text("i"), legacy_tensor("ShortStorage", "s", 2, tuple({2}) + tuple({1})), "u"));
  file.keys = pickle(joined("](", text("s"), text("f"), "e"));
  file.storages = joined(raw(2), std::string(reinterpret_cast<const char*>(shorts), sizeof shorts), raw(6),
                         std::string(reinterpret_cast<const char*>(floats), sizeof floats));
  return file;
}

TensorFile read(const std::string& bytes) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "old.bin", bytes);
  return read_tensor_file(folder / "old.bin");
}

std::string refusal(const std::string& bytes) {
  try {
    read(bytes);
  } catch (const DataError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("old.bin"));
    return error.what();
  }
  return "was read";
}

}  // namespace

TEST_CASE("Legacy pt: tensors of several types and views of one storage are read", "[tensors][unit]") {
  const TensorFile file = read(two_tensors().bytes());
  REQUIRE(file.format == "torch.save");
  REQUIRE(file.tensors.size() == 3);
  const at::Tensor wanted = at::tensor({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}).view({2, 3});
  REQUIRE(at::equal(file.tensors.at("w"), wanted));
  REQUIRE(at::equal(file.tensors.at("t"), wanted.t()));
  REQUIRE(at::equal(file.tensors.at("i"), at::tensor({7, -8}, at::kShort)));
}

TEST_CASE("Legacy pt: shapes alone, and wanted tensors alone, are read on request", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "old.pt", two_tensors().bytes());
  const TensorFile shapes = read_pt(folder / "old.pt", {.values = false});
  REQUIRE(shapes.tensors.at("w").is_meta());
  REQUIRE(shapes.tensors.at("t").sizes() == at::IntArrayRef({3, 2}));
  const TensorFile one = read_pt(folder / "old.pt", {.wanted = [](const std::string& name) { return name == "i"; }});
  REQUIRE(one.tensors.size() == 1);
}

TEST_CASE("Legacy pt: a pickled module's classes stay inert and its tensors keep their names", "[tensors][unit]") {
  Legacy file = two_tensors();
  const std::string module =
      joined("(", text("module"), global("my.net", "Net"), text("net.py"), text("class Net: ..."), "tQ");
  const std::string state = joined("}", text("_parameters"), "}", text("w"),
                                   legacy_tensor("FloatStorage", "f", 6, tuple({6}) + tuple({1})), "ss");
  file.object = pickle(joined(module, ")\x81", state, "b"));
  file.keys = pickle(joined("](", text("f"), "e"));
  file.storages = file.storages.substr(12);
  const TensorFile read_file = read(file.bytes());
  REQUIRE(read_file.tensors.size() == 1);
  REQUIRE(read_file.tensors.at("w").sizes() == at::IntArrayRef({6}));
  REQUIRE(read_file.ignored == std::vector<std::string>{"objects of my.net.Net"});
}

TEST_CASE("Legacy pt: what names code that runs is refused in every one of its pickles", "[tensors][unit]") {
  const std::string hostile = pickle(joined(global("os", "system"), text("touch /tmp/owned"), "\x85R"));
  for (std::string Legacy::*part :
       {&Legacy::magic, &Legacy::version, &Legacy::machine, &Legacy::object, &Legacy::keys}) {
    Legacy file = two_tensors();
    file.*part = hostile;
    REQUIRE_THAT(refusal(file.bytes()), ContainsSubstring("os.system"));
  }
}

TEST_CASE("Legacy pt: storages that are missing, too short, too many, or described in two ways are refused",
          "[tensors][unit]") {
  const auto changed = [](std::string Legacy::*part, const std::string& value) {
    Legacy file = two_tensors();
    file.*part = value;
    return refusal(file.bytes());
  };
  const Legacy good = two_tensors();
  REQUIRE_THAT(changed(&Legacy::storages, good.storages.substr(0, good.storages.size() - 1)),
               ContainsSubstring("cut off in storage 'f'"));
  REQUIRE_THAT(changed(&Legacy::storages, good.storages.substr(0, 5)), ContainsSubstring("cut off before storage 's'"));
  REQUIRE_THAT(changed(&Legacy::storages, good.storages + "x"), ContainsSubstring("1 bytes at the end"));
  for (const int64_t count : {int64_t{3}, int64_t{-2}, INT64_MAX})
    REQUIRE_THAT(changed(&Legacy::storages, raw(count) + good.storages.substr(8)),
                 ContainsSubstring("its tensors want 2"));
  REQUIRE_THAT(changed(&Legacy::keys, pickle(joined("](", text("s"), "e"))), ContainsSubstring("bytes at the end"));
  REQUIRE_THAT(changed(&Legacy::keys, pickle(joined("](", text("x"), "e"))),
               ContainsSubstring("'x' that no tensor has"));
  REQUIRE_THAT(changed(&Legacy::keys, pickle("}")), ContainsSubstring("list of storages"));
  REQUIRE_THAT(
      changed(&Legacy::object, pickle(joined("](", legacy_tensor("FloatStorage", "f", 6, tuple({6}) + tuple({1})),
                                             legacy_tensor("LongStorage", "f", 6, tuple({6}) + tuple({1})), "e"))),
      ContainsSubstring("'f' is described in two ways"));
  REQUIRE_THAT(changed(&Legacy::object, dict_of("w", legacy_tensor("FloatStorage", "f", int64_t{1} << 62,
                                                                   tuple({int64_t{1} << 61}) + tuple({1})))),
               ContainsSubstring("that no tensor has"));
  Legacy twice = two_tensors();
  twice.keys = pickle(joined("](", text("s"), text("s"), "e"));
  twice.storages = good.storages.substr(0, 12) + good.storages.substr(0, 12);
  REQUIRE_THAT(refusal(twice.bytes()), ContainsSubstring("'s' twice"));
}

TEST_CASE("Legacy pt: other pickles, versions, byte orders, views of PyTorch 0.3 and tar files are refused",
          "[tensors][unit]") {
  Legacy file = two_tensors();
  file.version = pickle(integer(1002));
  REQUIRE_THAT(refusal(file.bytes()), ContainsSubstring("version of torch.save"));
  file = two_tensors();
  file.machine = pickle(joined("}", text("little_endian"), "\x89s"));
  REQUIRE_THAT(refusal(file.bytes()), ContainsSubstring("big-endian"));
  REQUIRE_THAT(refusal(dict_of("w", "N")), ContainsSubstring("not one of PyTorch"));
  file = two_tensors();
  file.object = dict_of("w", legacy_tensor("FloatStorage", "f", 6, tuple({2}) + tuple({1}),
                                           joined("(", text("v"), integer(0), integer(2), "t")));
  REQUIRE_THAT(refusal(file.bytes()), ContainsSubstring("view of another"));
  std::string tar(1024, '\0');
  tar.replace(0, 8, "storages").replace(257, 5, "ustar");
  REQUIRE_THAT(refusal(tar), ContainsSubstring("tar file, as PyTorch wrote before 0.1.10"));
}

TEST_CASE("Legacy pt: cut anywhere it is refused, and with changed bytes it is read or refused", "[tensors][unit]") {
  const std::string whole = two_tensors().bytes();
  for (size_t length = 0; length < whole.size(); ++length) REQUIRE(refusal(whole.substr(0, length)) != "was read");
  std::mt19937_64 random(1);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string changed = whole;
    for (int flips = 0; flips < 1 + i % 3; ++flips) changed[random() % whole.size()] = static_cast<char>(random());
    refused += refusal(changed) != "was read" ? 1 : 0;
  }
  REQUIRE(refused > 500);
}

}  // namespace longclip
