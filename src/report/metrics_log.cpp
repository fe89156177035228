// report/metrics_log.cpp -- appending and cutting back metrics.jsonl.
#include "report/metrics_log.h"

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace longclip {
namespace {

enum class Verdict { kKeep, kLater, kUnreadable };

Verdict judge_line(std::string_view line, int64_t last_step) {
  const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return Verdict::kUnreadable;
  const auto step = record.find("step");
  if (step == record.end() || !step->is_number_integer()) return Verdict::kUnreadable;
  return step->get<int64_t>() <= last_step ? Verdict::kKeep : Verdict::kLater;
}

}  // namespace

void MetricsLog::append(const Json& record) { file_.append(to_json_line(record) + "\n"); }

int64_t MetricsLog::drop_after(int64_t step) {
  const std::string text = read_file(file_.path());
  std::string kept;
  int64_t dropped = 0;
  int64_t unreadable = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const bool whole = end != std::string::npos;
    const std::string_view line = std::string_view(text).substr(begin, whole ? end - begin : end);
    const Verdict verdict = whole ? judge_line(line, step) : Verdict::kUnreadable;
    if (verdict == Verdict::kKeep) kept.append(line).push_back('\n');
    dropped += verdict != Verdict::kKeep;
    unreadable += verdict == Verdict::kUnreadable;
    begin += line.size() + 1;
  }
  if (unreadable > 0) log_warning("{}: unreadable lines dropped: {}", file_.path().string(), unreadable);
  if (dropped == 0) return 0;
  write_file_atomically(file_.path(), kept);
  file_.reopen();
  return dropped;
}

}  // namespace longclip
