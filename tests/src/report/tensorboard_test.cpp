// tests/src/report/tensorboard_test.cpp -- event files byte by byte, and one copy of every step after a resume.
#include "report/tensorboard.h"

#include <algorithm>
#include <bit>
#include <string>

#include "report/record_file.h"
#include "support/reference_data.h"
#include "support/catch.h"

namespace longclip {
namespace {

using namespace std::string_literals;
namespace fs = std::filesystem;

/// The events of a file, without the wall time each begins with (9 bytes: its key and a double).
std::vector<std::string> events_of(const fs::path& path) {
  const std::string file = test::read_text(path);
  RecordReader reader(file);
  std::vector<std::string> events;
  while (const auto event = reader.next()) {
    CHECK(event->substr(0, 1) == "\x09");
    events.emplace_back(event->substr(9));
  }
  CHECK(reader.offset() == file.size());
  return events;
}

const std::string kVersion = "\x10\x00\x1a\x0d"s + "brain.Event:2";

/// A step below 128 with the value 0.5 (0x3F000000) under the tag "a".
std::string event_a(char step) { return "\x10"s + step + "\x2a\x0a\x0a\x08\x0a\x01" + "a\x15\x00\x00\x00\x3f"s; }

}  // namespace

TEST_CASE("TensorBoardWriter: the messages are encoded as protobuf does", "[report][unit]") {
  const test::TemporaryFolder folder;
  TensorBoardWriter writer(folder / "tb");
  writer.add_scalars(7, {{"a", 0.5}});
  writer.add_scalars(300, {{"loss", -2.0}, {"a", 0.5}});
  CHECK(writer.path().filename().string().starts_with("events.out.tfevents."));
  const std::string two_values =
      "\x10\xac\x02\x2a\x17\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\xc0"s + "\x0a\x08\x0a\x01" + "a\x15\x00\x00\x00\x3f"s;
  CHECK(events_of(writer.path()) == std::vector<std::string>{kVersion, event_a(7), two_values});
}

TEST_CASE("TensorBoardWriter: every event carries the time of day in seconds", "[report][unit]") {
  const test::TemporaryFolder folder;
  const TensorBoardWriter writer(folder / "tb");
  const std::string file = test::read_text(writer.path());
  uint64_t bits = 0;
  for (size_t i = 0; i < 8; ++i) bits |= static_cast<uint64_t>(static_cast<uint8_t>(file[13 + i])) << (8 * i);
  CHECK(std::bit_cast<double>(bits) > 1.7e9);
  CHECK(std::bit_cast<double>(bits) < 1e11);
}

TEST_CASE("TensorBoardWriter: after a resume every step stands once and the new file announces the restart",
          "[report][unit]") {
  const test::TemporaryFolder folder;
  fs::path first;
  {
    TensorBoardWriter writer(folder / "tb");
    first = writer.path();
    for (char step = 1; step <= 5; ++step) writer.add_scalars(step, {{"a", 0.5}});
  }
  test::write_text(first, test::read_text(first) + frame_record("cut").substr(0, 9));
  test::write_text(folder / "tb/notes.txt", "mine");
  TensorBoardWriter second(folder / "tb", 3);
  second.add_scalars(4, {{"a", 0.5}});
  CHECK(events_of(first) == std::vector<std::string>{kVersion, event_a(1), event_a(2), event_a(3)});
  const std::string session_start_at_4 = "\x10\x04\x3a\x02\x08\x01"s;
  CHECK(events_of(second.path()) == std::vector<std::string>{kVersion, session_start_at_4, event_a(4)});
  CHECK(second.path().filename() > first.filename());
  CHECK(test::read_text(folder / "tb/notes.txt") == "mine");
}

TEST_CASE("TensorBoardWriter: records that hold no event are dropped on resume", "[report][unit]") {
  const test::TemporaryFolder folder;
  const auto path = folder / "events.out.tfevents.1";
  const std::string good = "\x09"s + std::string(8, '\0') + event_a(1);
  test::write_text(path, frame_record(good) + frame_record("\x12\x7f") + frame_record("\xff") + frame_record("\x0b"));
  CHECK(drop_events_after(folder.path(), 9) == 1);
  CHECK(events_of(path) == std::vector<std::string>{event_a(1)});
}

TEST_CASE("TensorBoardWriter: no folder to cut back is no error", "[report][unit]") {
  const test::TemporaryFolder folder;
  CHECK(drop_events_after(folder / "none", 3) == 0);
}

}  // namespace longclip
