// tests/fuzz/tar_fuzz.cpp -- any bytes as a tar archive: members follow each other, and their data lie inside of the archive.
// Bit 0 of the first byte: every block of 512 bytes is given the right checksum, which chance would never find.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "data/formats/tar_reader.h"

namespace {

constexpr size_t kBlock = 512, kChecksum = 148, kChecksumSize = 8;

void set_checksums(std::string& archive) {
  for (size_t block = 0; block + kBlock <= archive.size(); block += kBlock) {
    unsigned sum = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      const bool is_checksum = i >= kChecksum && i < kChecksum + kChecksumSize;
      sum += is_checksum ? ' ' : static_cast<unsigned char>(archive[block + i]);
    }
    std::snprintf(archive.data() + block + kChecksum, kChecksumSize, "%06o", sum);
  }
}

void check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string archive(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) != 0) set_checksums(archive);
  try {
    longclip::TarReader reader(archive);
    longclip::TarMember member;
    for (size_t end = 0; reader.next(member); end = member.end) {
      check(member.start == end && member.start < member.end && member.end <= archive.size());
      check(member.is_file || member.data.empty());
      const bool is_inside = member.data.data() >= archive.data() + member.start && member.data.data() + member.data.size() <= archive.data() + member.end;
      check(member.data.empty() || is_inside);
    }
  } catch (const longclip::DataError&) {
    // Refused: the other good end.
  }
  return 0;
}
