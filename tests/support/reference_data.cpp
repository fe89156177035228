// tests/support/reference_data.cpp -- finds reference folders, makes temporary ones, runs commands.
#include "support/reference_data.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace longclip::test {
namespace fs = std::filesystem;

namespace {
std::optional<fs::path> find(const char* variable, const char* name) {
  if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') {
    if (!fs::is_directory(value)) throw std::runtime_error(std::string(variable) + " is not a folder: " + value);
    return fs::path(value);
  }
  const fs::path beside = source_dir().parent_path() / "shared" / name;
  if (fs::is_directory(beside)) return beside;
  return std::nullopt;
}
}  // namespace

std::optional<fs::path> golden_dir() { return find("LONGCLIP_GOLDEN_DIR", "golden"); }
std::optional<fs::path> cases_dir() { return find("LONGCLIP_CASES_DIR", "cases"); }
std::optional<fs::path> data_dir() { return find("LONGCLIP_DATA_DIR", "data"); }
fs::path source_dir() { return LONGCLIP_SOURCE_DIR; }
fs::path committed_golden_dir() { return source_dir() / "tests" / "golden"; }

fs::path program() {
  if (const char* value = std::getenv("LONGCLIP_PROGRAM"); value != nullptr) return value;
  return source_dir() / "build" / "bin" / "longclip";
}

void say_skipped(const std::string& what, const std::string& where) {
  std::cout << "skipped: " << what << " needs " << where << ", which is not here" << std::endl;
}

void report_difference(const std::string& name, double difference, double tolerance) {
  std::cout << name << ": largest difference " << difference << ", tolerance " << tolerance << std::endl;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "longclip_test_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

CommandResult run_command(const std::string& command_line, const fs::path& folder) {
  const TemporaryFolder streams;
  std::string line;
  if (!folder.empty()) line += "cd '" + folder.string() + "' && ";
  line += "( " + command_line + " ) >'" + (streams / "out").string() + "' 2>'" + (streams / "err").string() + "' </dev/null";
  const int status = std::system(line.c_str());
  CommandResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read_text(streams / "out");
  result.err = read_text(streams / "err");
  return result;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const fs::path& path, const std::string& text) {
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace longclip::test
