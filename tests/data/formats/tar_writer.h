#pragma once
// tests/data/formats/tar_writer.h -- small tar archives, right or wrong on purpose.

#include <string>
#include <vector>

namespace longclip::test {

struct TarEntry {
  std::string name;
  std::string data;
  char type = '0';
};

/// One header (ustar, right checksum) and the data behind it, padded; `size` overrules the size in the header.
std::string tar_member(const TarEntry& entry, const std::string& size = "");
/// A header whose checksum is made right again after a change.
std::string with_checksum(std::string header_and_data);
/// All members and the two empty blocks at the end.
std::string tar_of(const std::vector<TarEntry>& entries);
/// A pax header for the member that follows: "path=...", "size=...".
std::string pax_header(const std::vector<std::string>& records);

}  // namespace longclip::test
