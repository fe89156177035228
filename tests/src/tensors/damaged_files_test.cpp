// tests/src/tensors/damaged_files_test.cpp -- cut and changed files are refused or read and never crash the reader;
// files that cannot be written as a whole do not appear.
#include <ATen/ops/zeros.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <random>

#include "base/error.h"
#include "support/reference_data.h"
#include "tensors/pt_file.h"
#include "tensors/safetensors.h"
#include "tensors/tensor_file.h"
#include "support/catch.h"

namespace longclip {
namespace {

/// True if the file was read, false if it was refused; anything else fails the test.
bool survives(const std::filesystem::path& path, const std::string& bytes) {
  test::write_text(path, bytes);
  try {
    read_tensor_file(path);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

/// The smaller golden files, one of each format and the smallest of the others.
std::vector<std::string> golden_files(const std::filesystem::path& golden) {
  std::vector<std::string> contents;
  for (const auto& item : std::filesystem::recursive_directory_iterator(golden)) {
    const auto extension = item.path().extension();
    if (extension == ".safetensors" || extension == ".pt") contents.push_back(test::read_text(item.path()));
  }
  return contents;
}

/// While it lives, files of this process end at `num_bytes`, as on a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t num_bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{num_bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("Tensor files: when the disk is full, the old file stays and no part of the new one", "[tensors][unit]") {
  const test::TemporaryFolder folder;
  const TensorMap tensors{{"a", at::zeros({1 << 20})}, {"b", at::zeros({1 << 20})}};
  for (const std::string name : {"a.pt", "a.safetensors"}) {
    test::write_text(folder / name, "old");
    const auto write = [&] {
      const SmallDisk disk(1 << 20);
      if (name == "a.pt")
        write_pt(folder / name, tensors);
      else
        write_safetensors(folder / name, tensors);
    };
    REQUIRE_THROWS_WITH(write(), ContainsSubstring("File too large"));
    REQUIRE(test::read_text(folder / name) == "old");
  }
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("Tensor files: cut off at any length, they are refused", "[tensors][golden]") {
  const auto golden = test::golden_dir();
  if (!golden) return test::say_skipped("cut tensor files", "shared/golden");
  const test::TemporaryFolder folder;
  std::mt19937_64 random(1);
  for (const std::string& whole : golden_files(*golden)) {
    REQUIRE(survives(folder / "whole", whole));
    for (const size_t length :
         {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{9}, size_t{100}, whole.size() - 1, whole.size() - 30}) {
      REQUIRE(!survives(folder / "cut", whole.substr(0, length)));
    }
    for (int i = 0; i < 12; ++i) REQUIRE(!survives(folder / "cut", whole.substr(0, random() % whole.size())));
  }
}

TEST_CASE("Tensor files: with changed bytes, they are read or refused", "[tensors][golden]") {
  const auto golden = test::golden_dir();
  if (!golden) return test::say_skipped("changed tensor files", "shared/golden");
  const test::TemporaryFolder folder;
  std::mt19937_64 random(2);
  for (const std::string name : {"toy_clip_state.safetensors", "toy_clip_state_dict.pt", "toy_clip_openai.pt"}) {
    const std::string whole = test::read_text(*golden / name);
    // Where structure lies: the header or data.pkl; the end of a zip file; anywhere.
    const size_t pickle = std::max<size_t>(1, whole.find("data.pkl") == std::string::npos ? 1 : whole.find("data.pkl"));
    const size_t starts[] = {0, pickle, whole.size() - std::min<size_t>(whole.size(), 6000), 0};
    const size_t lengths[] = {std::min<size_t>(whole.size(), 4000), 5000, 6000, whole.size()};
    int num_read = 0;
    for (int i = 0; i < 160; ++i) {
      std::string changed = whole;
      const size_t region = static_cast<size_t>(i) % 4;
      for (int flips = 0; flips < 1 + i % 3; ++flips) {
        const size_t at = std::min(starts[region] + random() % lengths[region], whole.size() - 1);
        changed[at] = static_cast<char>(random());
      }
      num_read += survives(folder / "changed", changed) ? 1 : 0;
    }
    CAPTURE(name, num_read);
    REQUIRE(num_read < 160);
  }
}

}  // namespace longclip
