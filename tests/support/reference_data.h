#pragma once
// tests/support/reference_data.h -- where reference values, hard cases and real data lie, if they are there.
// LONGCLIP_GOLDEN_DIR, LONGCLIP_CASES_DIR, LONGCLIP_DATA_DIR override ../shared/{golden,cases,data}.

#include <filesystem>
#include <optional>
#include <string>

namespace longclip::test {

/// Folder of the original implementation's values, or nothing where it is absent.
std::optional<std::filesystem::path> golden_dir();
/// Folder of the small hard inputs with their right outcome, or nothing.
std::optional<std::filesystem::path> cases_dir();
/// Folder of real photographs and captions, or nothing.
std::optional<std::filesystem::path> data_dir();
/// The reference values committed with the project (tests/golden), always there.
std::filesystem::path committed_golden_dir();
/// Root of the source tree.
std::filesystem::path source_dir();
/// The built program (LONGCLIP_PROGRAM, set by CTest).
std::filesystem::path program();

/// Prints "skipped: WHAT needs WHERE" so that a run shows what it did not prove.
void say_skipped(const std::string& what, const std::string& where);
/// Prints "NAME: largest difference D, tolerance T" (golden tests show it even when they pass).
void report_difference(const std::string& name, double difference, double tolerance);

/// A folder that is removed at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// What a command did: exit code, stdout, stderr.
struct CommandResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};
/// Runs a shell command line to its end. `folder` is its working directory, empty for the current one.
CommandResult run_command(const std::string& command_line, const std::filesystem::path& folder = {});

std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, const std::string& text);

}  // namespace longclip::test
