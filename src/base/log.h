#pragma once
// base/log.h -- log lines on stderr (and in a run's log.txt), with the rank in front when there are several.

#include <spdlog/fmt/fmt.h>

#include <filesystem>
#include <string>
#include <utility>

namespace longclip {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Starts logging on stderr. `rank_prefix` is "" for one process, else for example "[rank 3] ".
void start_log(const std::string& rank_prefix, LogLevel level);
/// Sends every later line to `file` too (appended), in place of the file of an earlier call.
void add_log_file(const std::filesystem::path& file);
/// Writes one line.
void write_log(LogLevel level, const std::string& line);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace longclip
