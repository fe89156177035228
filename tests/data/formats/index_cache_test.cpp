// tests/data/formats/index_cache_test.cpp -- data/formats/index_cache.h
#include "data/formats/index_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <csignal>
#include <iterator>
#include <thread>

#include "base/file.h"
#include "base/signals.h"
#include "data/formats/triples.h"
#include "opened.h"
#include "support/catch.h"
#include "support/child_process.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;

const std::string kLine = "{\"image\": \"a\", \"long\": \"x\"}\n";

/// Counts the passes over the file.
struct CountingTriples : Triples {
  void scan(std::string_view file, RowSink& rows) const override {
    ++passes;
    Triples::scan(file, rows);
  }
  mutable std::atomic<int> passes = 0;
};

struct Opened {
  explicit Opened(const std::string& text) : file("rows.jsonl", text), cache(file.folder() / "cache") {}
  int64_t rows() const {
    return open_index(file.path(), MappedFile(file.path()), format, cache).rows();
  }
  std::vector<fs::path> files(const std::string& ending) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(cache)) {
      if (entry.path().extension() == ending) found.push_back(entry.path());
    }
    return found;
  }
  test::DataFile file;
  fs::path cache;
  CountingTriples format;
};

void write_gzip(const fs::path& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb9");
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

}  // namespace

TEST_CASE("open_index: the file is read once, and again when it has changed", "[formats][unit]") {
  const Opened opened(kLine + kLine);
  REQUIRE(opened.rows() == 2);
  REQUIRE(opened.rows() == 2);
  REQUIRE(opened.format.passes == 1);
  test::write_text(opened.file.path(), kLine);
  REQUIRE(opened.rows() == 1);
  REQUIRE(opened.format.passes == 2);
  const auto time = fs::last_write_time(opened.file.path());
  fs::last_write_time(opened.file.path(), time + std::chrono::milliseconds(1));  // same size, other time
  REQUIRE(opened.rows() == 1);
  REQUIRE(opened.format.passes == 3);
  REQUIRE(opened.files(".idx").size() == 1);
}

TEST_CASE("open_index: the index is kept for the file that was mapped, not for one that took its name since", "[formats][unit]") {
  const Opened opened(kLine);
  const MappedFile mapped(opened.file.path());
  write_file_atomically(opened.file.path(), "{}\n" + kLine);
  REQUIRE(open_index(opened.file.path(), mapped, opened.format, opened.cache).rows() == 1);
  REQUIRE(opened.rows() == 2);
  REQUIRE(opened.format.passes == 2);
}

TEST_CASE("open_index: a damaged index is made again", "[formats][unit]") {
  const Opened opened(kLine);
  REQUIRE(opened.rows() == 1);
  const fs::path index = opened.files(".idx").at(0);
  const std::string whole = test::read_text(index);
  for (const std::string& damaged :
       {whole.substr(0, 50), std::string("x"), std::string(), whole.substr(0, whole.size() - 1) + "?"}) {
    test::write_text(index, damaged);
    const int before = opened.format.passes;
    REQUIRE(opened.rows() == 1);
    REQUIRE(opened.format.passes == before + 1);
    REQUIRE(test::read_text(index) == whole);
  }
}

TEST_CASE("open_index: of many that want the same index one makes it", "[formats][unit]") {
  const Opened opened(kLine + kLine + kLine);
  std::atomic<int64_t> rows = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { rows += opened.rows(); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(rows == 24);
  REQUIRE(opened.format.passes == 1);
}

TEST_CASE("open_index: without a folder that can be written the index stays in memory", "[formats][unit]") {
  Opened opened(kLine);
  test::write_text(opened.cache, "a file where the folder should be");
  REQUIRE(opened.rows() == 1);
  opened.cache.clear();
  REQUIRE(opened.rows() == 1);
  REQUIRE(opened.format.passes == 2);
}

TEST_CASE("open_index: a cache folder that cannot be searched is a warning, and the index stays in memory", "[formats][unit]") {
  Opened opened(kLine);
  const fs::path folder = opened.file.folder().path();
  fs::create_symlink("loop", folder / "loop");
  for (const fs::path& cache : {folder / std::string(300, 'x'), folder / "loop" / "cache", opened.file.path() / "cache"}) {
    CAPTURE(cache);
    opened.cache = cache;
    REQUIRE(opened.rows() == 1);
  }
  REQUIRE(opened.format.passes == 3);
}

TEST_CASE("open_index: a signal ends the waiting for another process that makes the index", "[formats][unit]") {
  const Opened opened(kLine);
  REQUIRE(opened.rows() == 1);
  const fs::path lock = opened.files(".lock").at(0);
  const auto number_of_open_files = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), {}); };
  const auto outcome = test::run_in_child(
      [&] {
        fs::remove(opened.files(".idx").at(0));
        const int other = ::open(lock.c_str(), O_RDWR);  // locks of two descriptors exclude each other, as those of two processes
        if (other < 0 || ::flock(other, LOCK_EX) != 0) return 1;
        install_stop_signals();
        const auto before = number_of_open_files();
        std::thread sender([] { ::kill(::getpid(), SIGTERM); });
        int code = 2;
        try {
          opened.rows();
        } catch (const Stopped& stopped) {
          code = stopped.exit_code;
        }
        sender.join();
        return number_of_open_files() == before ? code : 3;
      },
      /*max_seconds=*/60);
  REQUIRE(outcome.exit_code == kExitTerminated);
}

TEST_CASE("plain_file_of: a compressed file is unpacked once, and again when it has changed", "[formats][unit]") {
  const test::TemporaryFolder folder;
  const fs::path packed = folder / "rows.jsonl.gz", cache = folder / "cache";
  write_gzip(packed, kLine + kLine);
  const fs::path plain = plain_file_of(packed, cache);
  REQUIRE(test::read_text(plain) == kLine + kLine);
  REQUIRE(plain.extension() == ".jsonl");
  REQUIRE(plain_file_of(packed, cache) == plain);
  const SourceConfig config{.path = packed, .cache_dir = cache};
  const auto source = build_source(config);
  REQUIRE(source->row(1).source == packed);
  write_gzip(packed, kLine);
  REQUIRE(test::read_text(plain_file_of(packed, cache)) == kLine);
  REQUIRE(!fs::exists(plain));
  REQUIRE(source->row(1).long_captions == std::vector<std::string>{"x"});  // what is mapped stays
  REQUIRE(plain_file_of(test::DataFile("x", kLine).path(), {}) != packed);
}

TEST_CASE("plain_file_of: a compressed file that is damaged, or a bomb, is refused", "[formats][unit]") {
  const test::TemporaryFolder folder;
  const fs::path packed = folder / "rows.jsonl.gz", cache = folder / "cache";
  write_gzip(packed, kLine + kLine);
  const std::string whole = test::read_text(packed);
  REQUIRE_THROWS_WITH(plain_file_of(packed, {}), ContainsSubstring("set data.cache_dir"));
  REQUIRE_THROWS_WITH(plain_file_of(packed, folder / std::string(300, 'x')), ContainsSubstring("set data.cache_dir"));
  test::write_text(packed, whole.substr(0, whole.size() - 9));
  REQUIRE_THROWS_WITH(plain_file_of(packed, cache), ContainsSubstring("cannot be unpacked"));
  test::write_text(packed, whole.substr(0, whole.size() - 8) + std::string(8, 'x'));
  REQUIRE_THROWS_WITH(plain_file_of(packed, cache), ContainsSubstring("cannot be unpacked"));
  write_gzip(packed, std::string(80 << 20, ' '));
  REQUIRE_THROWS_WITH(plain_file_of(packed, cache), ContainsSubstring("more than 200 times its size"));
  REQUIRE(fs::is_empty(cache / "unpacked") == false);  // the lock alone
  for (const auto& entry : fs::directory_iterator(cache / "unpacked")) REQUIRE(entry.path().extension() == ".lock");
}

TEST_CASE("default_cache_dir: the standard's variable, else the home folder", "[formats][unit]") {
  const char* before = std::getenv("XDG_CACHE_HOME");
  const std::string kept = before == nullptr ? "" : before;
  setenv("XDG_CACHE_HOME", "/c", 1);
  REQUIRE(default_cache_dir() == "/c/longclip");
  setenv("XDG_CACHE_HOME", "relative", 1);
  REQUIRE_THAT(default_cache_dir().string(), ContainsSubstring(".cache/longclip") || Catch::Matchers::Equals(""));
  kept.empty() ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", kept.c_str(), 1);
}

}  // namespace longclip
