// report/tensorboard.cpp -- event messages in protobuf's wire format.
// https://protobuf.dev/programming-guides/encoding
#include "report/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "report/record_file.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFilePrefix = "events.out.tfevents.";
constexpr std::string_view kFileVersion = "brain.Event:2";  // purging at a session start needs version 2
constexpr uint64_t kSessionStart = 1;                       // SessionLog.SessionStatus.START

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// Field numbers of tensorflow.Event, .Summary, .Summary.Value and .SessionLog.
enum Field : uint64_t {
  kEventWallTime = 1,
  kEventStep = 2,
  kEventFileVersion = 3,
  kEventSummary = 5,
  kEventSessionLog = 7,
  kSummaryValue = 1,
  kValueTag = 1,
  kValueSimple = 2,
  kSessionStatus = 1,
};

/// A protobuf message under construction.
class Message {
 public:
  Message& add_varint(uint64_t field, uint64_t value) {
    put_varint(field << 3 | kVarint);
    put_varint(value);
    return *this;
  }
  Message& add_double(uint64_t field, double value) {
    put_varint(field << 3 | kFixed64);
    return put_fixed(std::bit_cast<uint64_t>(value));
  }
  Message& add_float(uint64_t field, float value) {
    put_varint(field << 3 | kFixed32);
    return put_fixed(std::bit_cast<uint32_t>(value));
  }
  Message& add_bytes(uint64_t field, std::string_view value) {
    put_varint(field << 3 | kBytes);
    put_varint(value.size());
    bytes_.append(value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void put_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>((value & 0x7F) | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  template <class Bits> Message& put_fixed(Bits bits) {
    for (size_t i = 0; i < sizeof(Bits); ++i) bytes_.push_back(static_cast<char>((bits >> (8 * i)) & 0xFF));
    return *this;
  }
  std::string bytes_;
};

std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// The step of an encoded Event: 0 where it is absent (proto3's default), nothing where the message is damaged.
std::optional<int64_t> step_of_event(std::string_view event) {
  int64_t step = 0;
  while (!event.empty()) {
    const auto key = take_varint(event);
    if (!key) return std::nullopt;
    const uint64_t wire_type = *key & 7;
    uint64_t size = wire_type == kFixed64 ? 8 : 4;
    if (wire_type == kVarint || wire_type == kBytes) {
      const auto number = take_varint(event);
      if (!number) return std::nullopt;
      if (*key == (kEventStep << 3 | kVarint)) step = static_cast<int64_t>(*number);
      size = wire_type == kBytes ? *number : 0;
    } else if (wire_type != kFixed64 && wire_type != kFixed32) {
      return std::nullopt;
    }
    if (size > event.size()) return std::nullopt;
    event.remove_prefix(size);
  }
  return step;
}

Message new_event(int64_t step) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  Message event;
  event.add_double(kEventWallTime, now.count());
  event.add_varint(kEventStep, static_cast<uint64_t>(step));
  return event;
}

/// A file under a new name that sorts behind those of earlier seconds: TensorBoard reads in that order.
std::unique_ptr<AppendFile> create_event_file(const fs::path& folder) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {"localhost"};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  const auto name = [&] { return fmt::format("{}{:010}.{}.{}", kFilePrefix, seconds, host.data(), ::getpid()); };
  while (fs::exists(folder / name())) ++seconds;
  return std::make_unique<AppendFile>(folder / name(), AppendFile::Mode::kCreateNew);
}

void cut_event_file(const fs::path& path, int64_t last_step) {
  const MappedFile file(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  RecordReader reader(bytes);
  std::string kept;
  for (size_t begin = 0; const auto event = reader.next(); begin = reader.offset()) {
    const auto step = step_of_event(*event);
    if (step && *step <= last_step) kept.append(bytes.substr(begin, reader.offset() - begin));
  }
  if (reader.offset() < bytes.size()) log_warning("{}: damaged end dropped", path.string());
  if (kept.size() < bytes.size()) write_file_atomically(path, kept);
}

}  // namespace

int64_t drop_events_after(const fs::path& folder, int64_t step) {
  int64_t files = 0;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file() || !entry.path().filename().string().starts_with(kFilePrefix)) continue;
    cut_event_file(entry.path(), step);
    ++files;
  }
  return files;
}

TensorBoardWriter::TensorBoardWriter(const fs::path& folder, int64_t completed_steps) {
  const bool resumed = drop_events_after(folder, completed_steps) > 0;
  fs::create_directories(folder);
  file_ = create_event_file(folder);
  std::string begin = frame_record(new_event(0).add_bytes(kEventFileVersion, kFileVersion).bytes());
  if (resumed) {
    Message session;
    session.add_varint(kSessionStatus, kSessionStart);
    begin += frame_record(new_event(completed_steps + 1).add_bytes(kEventSessionLog, session.bytes()).bytes());
  }
  file_->append(begin);
}

void TensorBoardWriter::add_scalars(int64_t step, const Scalars& scalars) {
  Message summary;
  for (const auto& [tag, number] : scalars) {
    Message value;
    value.add_bytes(kValueTag, tag).add_float(kValueSimple, static_cast<float>(number));
    summary.add_bytes(kSummaryValue, value.bytes());
  }
  file_->append(frame_record(new_event(step).add_bytes(kEventSummary, summary.bytes()).bytes()));
}

}  // namespace longclip
