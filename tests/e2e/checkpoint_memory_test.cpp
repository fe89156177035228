// tests/e2e/checkpoint_memory_test.cpp -- reading a checkpoint takes its size and that of its largest tensor, not more.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "program.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

/// Largest resident memory of `longclip stretch IN OUT`, in bytes: mapped pages of files are in it.
int64_t peak_of_stretch(const std::string& in, const std::string& out) {
  const std::string program_path = program().string();
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    execl(program_path.c_str(), "longclip", "stretch", in.c_str(), out.c_str(), "--overwrite", "--force", nullptr);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  REQUIRE(wait4(child, &status, 0, &usage) == child);
  REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace

TEST_CASE("stretch: the peak of memory is the model and its largest tensor, from files in float32, half and pickled",
          "[e2e]") {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return (folder / name).string(); };
  write_text(folder / "wide.yaml",
             "image_size: 64\npatch_size: 16\nembed_dim: 512\n"
             "vision: {width: 1024, layers: 4, heads: 16, mlp_width: 4096}\n"
             "text: {width: 1024, layers: 4, heads: 16, mlp_width: 4096}\n");
  run_well("init wide.safetensors --arch wide.yaml", folder.path());
  run_well("stretch wide.safetensors long.safetensors", folder.path());
  run_well("export long.safetensors upstream --format upstream", folder.path());
  run_well("export long.safetensors hf16 --format hf --dtype fp16", folder.path());
  const auto model_bytes = static_cast<int64_t>(fs::file_size(folder / "wide.safetensors"));
  REQUIRE(model_bytes > 400'000'000);
  constexpr int64_t kLargest = int64_t{49408} * 1024 * 4;  // the token embedding
  constexpr int64_t kSlack = 32'000'000;
  const int64_t small = static_cast<int64_t>(fs::file_size(unstretched_model()));
  const int64_t base = peak_of_stretch(unstretched_model(), path("out.safetensors")) - small;  // the program itself
  for (const char* name : {"wide.safetensors", "hf16", "upstream"}) {
    CAPTURE(name);
    const int64_t peak = peak_of_stretch(path(name), path("out.safetensors")) - base;
    report_difference(fmt::format("memory of {} over the model's size, MB", name),
                      static_cast<double>(peak - model_bytes) / 1e6, static_cast<double>(kLargest + kSlack) / 1e6);
    REQUIRE(peak <= model_bytes + kLargest + kSlack);
  }
}

}  // namespace longclip::test
