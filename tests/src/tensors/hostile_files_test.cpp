// tests/src/tensors/hostile_files_test.cpp -- small files that describe much: refused, or read, in little memory and time.
#include <caffe2/serialize/inline_container.h>
#include <malloc.h>

#include <fstream>

#include "base/error.h"
#include "support/catch.h"
#include "support/child_process.h"
#include "support/reference_data.h"
#include "tensors/tensor_file.h"
#include "torch_archive.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;
using test::joined;
using test::text;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kMeasured = false;  // its own memory would be measured
#else
constexpr bool kMeasured = true;
#endif

constexpr int64_t kMaxSeconds = 20;

int64_t allowed_bytes(const fs::path& file) { return static_cast<int64_t>(fs::file_size(file)) * 10 + 100'000'000; }

/// "read" or "refused: ...", of a process of its own that stays within the memory; `values` as TensorRequest has it.
std::string outcome(const fs::path& file, bool values = true) {
  const fs::path report = file.string() + ".txt";
  malloc_trim(0);  // or the child takes what this process has left over
  const auto base = test::run_in_child([] { return 0; }, kMaxSeconds).peak_bytes;
  const test::ChildOutcome child = test::run_in_child(
      [&] {
        std::string said;
        try {
          const TensorFile found = read_tensor_file(file, {.values = values});
          said = fmt::format("read {} tensors, ignored {}", found.tensors.size(), fmt::join(found.ignored, ", "));
        } catch (const DataError& error) {
          said = std::string("refused: ") + error.what();
        }
        test::write_text(report, said);
        return 0;
      },
      kMaxSeconds);
  REQUIRE(child.exit_code == 0);
  const int64_t bytes = child.peak_bytes - base;
  test::report_difference(fmt::format("memory of {} ({:.1f} MB, {:.1f} s), MB", file.filename().string(),
                                      static_cast<double>(fs::file_size(file)) / 1e6, child.processor_seconds),
                          static_cast<double>(bytes) / 1e6, static_cast<double>(allowed_bytes(file)) / 1e6);
  CHECK(child.processor_seconds < 5);
  if (kMeasured) CHECK(bytes < allowed_bytes(file));
  const std::string said = test::read_text(report);
  CHECK(said.size() < 100'000);
  return said;
}

std::string outcome_of_pickle(const fs::path& file, const std::string& pickle, bool values = true) {
  test::write_archive(file, {{"data.pkl", joined("\x80\x02", pickle, ".")}, {"data/0", "1234"}});
  return outcome(file, values);
}

std::string number(uint32_t value) { return {reinterpret_cast<const char*>(&value), 4}; }
std::string put(uint32_t index) { return joined("r", number(index)); }
std::string get(uint32_t index) { return joined("j", number(index)); }

const std::string kEmptyTensor = test::tensor("0", 1, 0, joined("(", test::integer(0), "t"), joined("(", test::integer(1), "t"));

/// A dict of `num_outer` names for one dict of `num_inner` names for one empty tensor.
std::string shared_dicts(int num_outer, int num_inner, size_t name_length) {
  const auto name_of = [&](int i) {
    std::string name = std::to_string(i);
    return text(name + std::string(name_length - name.size(), 'x'));
  };
  std::string pickle = joined("}(", name_of(0), "}", put(1), "(", name_of(0), kEmptyTensor, put(2));
  for (int i = 1; i < num_inner; ++i) pickle += name_of(i) + get(2);
  pickle += "u";
  for (int i = 1; i < num_outer; ++i) pickle += name_of(i) + get(1);
  return pickle + "u";
}

std::string safetensors(const std::string& header) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header;
}

/// `element`, `num` times, with commas.
std::string repeated(const std::string& element, int num) {
  std::string all = element;
  for (int i = 1; i < num; ++i) all.append(",").append(element);
  return all;
}

std::string many_tensors(int num) {
  std::string header = "{";
  for (int i = 0; i < num; ++i)
    header += fmt::format(R"({}"{}":{{"dtype":"F32","shape":[0,1],"data_offsets":[0,0]}})", i == 0 ? "" : ",", i);
  return safetensors(header + "}");
}

}  // namespace

TEST_CASE("Hostile pickle: shared dicts of empty tensors and long names end in an error, in little memory", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  for (const bool values : {true, false}) {
    CHECK_THAT(outcome_of_pickle(folder / "shared_dicts.pt", shared_dicts(600, 600, 500), values),
               ContainsSubstring("shared_dicts.pt: ") && ContainsSubstring("too many for a file of"));
    CHECK_THAT(outcome_of_pickle(folder / "short_names.pt", shared_dicts(600, 600, 4), values), ContainsSubstring("too many for a file of"));
  }
  CHECK_THAT(outcome_of_pickle(folder / "filled.pt", joined(shared_dicts(600, 600, 4), "(X", number(30'000'000), std::string(30'000'000, 'x'), "1"), false),
             ContainsSubstring("more than 200000 tensors"));
}

TEST_CASE("Hostile pickle: what is ignored is told once, and a hundred of it", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  std::string pickle = joined("}(", text(std::string(1000, 'x')), put(1), "N");
  for (int i = 1; i < 150'000; ++i) pickle += get(1) + "N";
  CHECK(outcome_of_pickle(folder / "one_key.pt", pickle + "u") == joined("read 0 tensors, ignored entry '", std::string(200, 'x'), "'"));
  pickle = "}(";
  for (int i = 0; i < 1000; ++i) pickle += text(fmt::format("{:05}", i)) + "N";
  CHECK_THAT(outcome_of_pickle(folder / "keys.pt", pickle + "u"), ContainsSubstring("entry '00099', and 900 more entries"));
}

TEST_CASE("Hostile pickle: values, calls, class names and shapes take memory in proportion", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  const auto refused = [&](const char* name, const std::string& pickle) {
    CHECK_THAT(outcome_of_pickle(folder / name, pickle), ContainsSubstring("refused") && ContainsSubstring("values is not read"));
  };
  refused("empty_dicts.pt", joined("](", std::string(3'900'000, '}'), "e"));
  std::string names = "(";
  constexpr uint32_t kNames = 300;
  for (uint32_t i = 0; i < kNames; ++i) names += text(fmt::format("{:0500}", i)) + put(i);
  for (uint32_t i = 0; i < kNames * kNames; ++i) names += get(i / kNames) + get(i % kNames) + "\x93";
  refused("class_names.pt", names + "l");
  std::string shapes = "((";
  for (int i = 0; i < 64; ++i) shapes += test::integer(1);
  shapes += joined("t", put(1), "0((", text("storage"), test::global("torch", "FloatStorage"), text("0"), text("cpu"), test::integer(1), "tQ",
                   test::integer(0), get(1), get(1), "t", put(2), "0", test::global("torch._utils", "_rebuild_tensor_v2"), put(3), "0");
  for (int i = 0; i < 200'000; ++i) shapes += get(3) + get(2) + "R";
  refused("shapes.pt", shapes + "l");
}

TEST_CASE("Hostile zip: a data.pkl that really is deflated is refused and not unpacked", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  const fs::path path = folder / "bomb.pt";
  {
    const std::string pickle = joined("\x80\x02](", std::string(60'000'000, 'N'), "e.");
    std::ofstream file(path, std::ios::binary);
    caffe2::serialize::PyTorchStreamWriter writer([&](const void* data, size_t size) {
      file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
      return size;
    });
    writer.writeRecord("data.pkl", pickle.data(), pickle.size(), /*compress=*/true);
    writer.writeEndOfFile();
  }
  REQUIRE(fs::file_size(path) < 1'000'000);
  CHECK_THAT(outcome(path), ContainsSubstring("bomb.pt: record ") && ContainsSubstring("is compressed"));
}

TEST_CASE("Hostile safetensors header: too many tensors, keys or values are refused by file and limit, at once", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  const auto outcome_of = [&](const char* name, const std::string& bytes) {
    test::write_text(folder / name, bytes);
    return outcome(folder / name);
  };
  CHECK_THAT(outcome_of("keys.safetensors", many_tensors(100'000)),
             ContainsSubstring("keys.safetensors: ") && ContainsSubstring("more than 65536 keys"));
  CHECK_THAT(outcome_of("lists.safetensors", safetensors(joined(R"({"a":[)", repeated("[]", 5'000'000), "]}"))),
             ContainsSubstring("lists.safetensors: ") && ContainsSubstring("more than 1000000 values"));
  CHECK_THAT(outcome_of("name.safetensors", safetensors(joined("{\"", std::string(20'000'000, 'x'), R"(":{"dtype":"F1"}})"))),
             ContainsSubstring("a name of more than 1024 bytes"));
  CHECK_THAT(outcome_of("type.safetensors", safetensors(joined(R"({"a":{"dtype":")", std::string(20'000'000, 'x'), "\"}}"))),
             ContainsSubstring("unknown type"));
  CHECK(outcome_of("many.safetensors", many_tensors(60'000)) == "read 60000 tensors, ignored ");
}

}  // namespace longclip
