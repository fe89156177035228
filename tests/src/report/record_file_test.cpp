// tests/src/report/record_file_test.cpp -- checksums against published vectors, framing against TensorFlow's bytes.
#include "report/record_file.h"

#include <string>

#include "support/catch.h"

namespace longclip {

using namespace std::string_literals;

TEST_CASE("RecordFile: CRC-32C gives the published values", "[report][unit]") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283U);            // the check value of CRC-32/ISCSI
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAU);  // RFC 3720, B.4
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43U);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  CHECK(crc32c(ascending) == 0x46DD794EU);
}

TEST_CASE("RecordFile: an empty record and the length of a version event are framed as TensorFlow does",
          "[report][unit]") {
  CHECK(frame_record("") == "\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2"s);
  CHECK(frame_record(std::string(24, 'x')).substr(0, 12) == "\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22"s);
}

TEST_CASE("RecordFile: records come back one by one, and reading stops at the first that is damaged or cut",
          "[report][unit]") {
  const std::string first = frame_record("first");
  const std::string file = first + frame_record("") + frame_record("third");
  RecordReader whole(file);
  CHECK(whole.next() == "first");
  CHECK(whole.offset() == first.size());
  CHECK(whole.next() == "");
  CHECK(whole.next() == "third");
  CHECK_FALSE(whole.next().has_value());
  CHECK(whole.offset() == file.size());

  for (size_t i = 0; i < first.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK_FALSE(RecordReader(damaged).next().has_value());
    CHECK_FALSE(RecordReader(std::string_view(file).substr(0, i)).next().has_value());
  }
}

TEST_CASE("RecordFile: an enormous length is no read beyond the file", "[report][unit]") {
  std::string record = frame_record("x");
  std::string length(8, '\xFF');
  const uint32_t crc = masked_crc32c(length);
  for (int i = 0; i < 4; ++i) length.push_back(static_cast<char>(crc >> (8 * i) & 0xFF));
  record.replace(0, 12, length);
  CHECK_FALSE(RecordReader(record).next().has_value());
}

}  // namespace longclip
