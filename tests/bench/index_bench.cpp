// tests/bench/index_bench.cpp -- how long the index of a large data file takes to make and to open, and the memory of a process
// that reads rows through it. Writes a ShareGPT4V-style array of that size into a temporary folder first.
//
//   build/bin/longclip_index_bench --rows 1250000
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "base/progress.h"
#include "base/random.h"
#include "data/formats/pair_source.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;

/// Some 1.2 KB a row, as the published file has: escapes, line breaks and letters beyond ASCII among them.
void write_array(const fs::path& file, int64_t rows) {
  constexpr const char* kWords[] = {"photograph",   "red",     "caf\u00e9", "standing",
                                    "\\\"open\\\"", "window,", "light",     "table.\\n\\nThe"};
  std::ofstream out(file, std::ios::binary);
  out << '[';
  for (int64_t row = 0; row < rows; ++row) {
    std::string caption = "In the image, ";
    for (uint64_t i = 0; caption.size() < 1000; ++i) {
      caption += kWords[draw_below(mix_keys(static_cast<uint64_t>(row), i), std::size(kWords))];
      caption += ' ';
    }
    out << (row == 0 ? "\n" : ",\n")
        << fmt::format(
               R"({{"id": "{0:012}", "image": "coco/train2017/{0:012}.jpg", "conversations": [{{"from": "human", "value": "What do you see happening in this image?\n<image>"}}, {{"from": "gpt", "value": "{1}"}}]}})",
               row, caption);
  }
  out << "\n]\n";
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// A line of /proc/self/status in MB: RssAnon is what the process has for itself alone, RssFile is shared with the cache.
std::string status_mb(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return fmt::format("{:.0f} MB", std::stod(line.substr(key.size() + 1)) / 1024);
  }
  return "?";
}

std::unique_ptr<PairSource> timed_open(const char* what, const SourceConfig& config) {
  const double wall = monotonic_seconds(), cpu = cpu_seconds();
  auto source = build_source(config);
  std::printf("%-22s %7.3f s, %7.3f s of processor; private memory %s, peak resident %s\n", what,
              monotonic_seconds() - wall, cpu_seconds() - cpu, status_mb("RssAnon").c_str(),
              status_mb("VmHWM").c_str());
  return source;
}

void read_rows(const PairSource& source, int64_t count) {
  const double cpu = cpu_seconds();
  const KeyedPermutation order(static_cast<uint64_t>(source.rows()), 1, 0);
  size_t bytes = 0;
  for (int64_t i = 0; i < count; ++i)
    bytes += source.row(static_cast<int64_t>(order.at(static_cast<uint64_t>(i)))).long_captions[0].size();
  std::printf(
      "%lld rows in random order: %.2f us of processor each, %zu bytes of captions; private memory %s, mapped %s\n",
      static_cast<long long>(count), (cpu_seconds() - cpu) * 1e6 / static_cast<double>(count), bytes,
      status_mb("RssAnon").c_str(), status_mb("RssFile").c_str());
}

void measure(int64_t rows, const fs::path& folder) {
  const SourceConfig config{
      .format = SourceFormat::kSharegpt4v, .path = folder / "rows.json", .cache_dir = folder / "cache"};
  write_array(config.path, rows);
  std::printf("%lld rows, %.0f MB\n", static_cast<long long>(rows),
              static_cast<double>(fs::file_size(config.path)) / 1e6);
  timed_open("make the index", config);
  const auto source = timed_open("open it", config);
  read_rows(*source, std::min<int64_t>(rows, 100'000));
}

}  // namespace
}  // namespace longclip

int main(int argc, char** argv) {
  CLI::App app{"Times the index of a generated data file"};
  int64_t rows = 1'250'000;
  std::string parent = std::filesystem::temp_directory_path().string();
  app.add_option("--rows", rows, "Rows of the file, 1.2 KB each")->check(CLI::Range(1, 100'000'000));
  app.add_option("--folder", parent, "Where the file is written, and removed at the end");
  CLI11_PARSE(app, argc, argv);
  const std::filesystem::path folder =
      std::filesystem::path(parent) / ("longclip_index_bench." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  int code = 0;
  try {
    longclip::measure(rows, folder);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = 1;
  }
  std::filesystem::remove_all(folder);
  return code;
}
