// base/log.cpp -- spdlog behind four functions.
#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <memory>

namespace longclip {
namespace {

std::string g_pattern = "%H:%M:%S.%e %^%l%$ %v";  // set once, before threads start

/// A log that cannot be written (disk full) loses lines, but must not end a run or fill the terminal.
void say_once(const std::string& problem) {
  static std::atomic<bool> said{false};
  if (!said.exchange(true)) fmt::print(stderr, "the log cannot be written, lines may be missing: {}\n", problem);
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("longclip", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern(g_pattern);
    made->flush_on(spdlog::level::debug);
    made->set_error_handler(say_once);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void start_log(const std::string& rank_prefix, LogLevel level) {
  g_pattern = "%H:%M:%S.%e %^%l%$ " + rank_prefix + "%v";
  logger().set_pattern(g_pattern);
  logger().set_level(to_spdlog(level));
}

void add_log_file(const std::filesystem::path& file) {
  auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
  sink->set_pattern("%Y-%m-%d " + g_pattern);
  logger().sinks().resize(1);  // the terminal; one process may run several trainings one after another
  logger().sinks().push_back(sink);
}

void write_log(LogLevel level, const std::string& line) { logger().log(to_spdlog(level), line); }

}  // namespace longclip
