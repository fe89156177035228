// tests/data/formats/tar_writer.cpp -- see tests/data/formats/tar_writer.h
#include "tar_writer.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <numeric>

namespace longclip::test {

std::string with_checksum(std::string block) {
  std::fill_n(block.begin() + 148, 8, ' ');
  const unsigned sum = std::accumulate(block.begin(), block.begin() + 512, 0U,
                                       [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
  const std::string digits = fmt::format("{:06o}", sum);
  std::copy(digits.begin(), digits.end(), block.begin() + 148);
  block[154] = '\0';
  return block;
}

std::string tar_member(const TarEntry& entry, const std::string& size) {
  std::string block(512, '\0');
  const auto put = [&block](size_t at, const std::string& text) {
    std::copy(text.begin(), text.end(), block.begin() + static_cast<ptrdiff_t>(at));
  };
  put(0, entry.name.substr(0, 100));
  put(100, "0000644");
  put(124, size.empty() ? fmt::format("{:011o}", entry.data.size()) : size);
  put(136, "00000000000");
  block[156] = entry.type;
  put(257, std::string("ustar\00000", 8));
  std::string member = with_checksum(block) + entry.data;
  member.resize((member.size() + 511) / 512 * 512, '\0');
  return member;
}

std::string tar_of(const std::vector<TarEntry>& entries) {
  std::string archive;
  for (const TarEntry& entry : entries) archive += tar_member(entry);
  return archive + std::string(1024, '\0');
}

std::string pax_header(const std::vector<std::string>& records) {
  std::string text;
  for (const std::string& record : records) {
    size_t length = record.size() + 3;  // blank, line feed and one digit
    while (fmt::format("{} {}\n", length, record).size() != length) ++length;
    text += fmt::format("{} {}\n", length, record);
  }
  return tar_member({"PaxHeaders/x", text, 'x'});
}

}  // namespace longclip::test
