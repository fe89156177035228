#pragma once
// data/formats/tar_reader.h -- the members of a tar archive in memory: ustar, GNU and pax, long names, sizes beyond 8 GiB.
// Everything is bounds-checked, nothing is written anywhere: a name is only a name.

#include <string>
#include <string_view>

namespace longclip {

struct TarMember {
  std::string name;       ///< as in the archive, not cleaned
  std::string_view data;  ///< empty unless it is a regular file
  bool is_file = false;   ///< false: a folder, a link, a device
  size_t start = 0;       ///< of its first header, extended ones included
  size_t end = 0;         ///< behind its data, padding included
};

/// Walks through an archive, or any part of it that begins with a header. The two empty blocks at the end are not
/// missed; nothing behind them is read, as in tar.
class TarReader {
 public:
  explicit TarReader(std::string_view bytes) : bytes_(bytes) {}
  /// False at the end: an empty block, or nothing left. Throws DataError with the place if a header's checksum or size is
  /// wrong, or the archive ends inside of a member.
  bool next(TarMember& member);
  /// After the last member: whether something else than zeros stands behind the empty blocks, such as another archive.
  bool has_more() const { return bytes_.find_first_not_of('\0', end_) != std::string_view::npos; }
  /// After the last member: where the empty blocks begin.
  size_t end() const { return end_; }

 private:
  struct Block;
  std::string_view take_block();
  std::string_view take_data(uint64_t size);
  void read_extension(char type, std::string_view data, TarMember& member);

  std::string_view bytes_;
  size_t at_ = 0;
  size_t end_ = std::string_view::npos;
  bool has_size_ = false;  // of a pax header that precedes the member
  uint64_t size_ = 0;
};

}  // namespace longclip
