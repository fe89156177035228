#pragma once
// tensors/zip_archive.h -- the zip container of torch.save and TorchScript: stored records only, zip64, mapped.
// Format: PKWARE APPNOTE.TXT; what PyTorch writes of it: caffe2/serialize/inline_container.cc.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"

namespace longclip {

/// CRC-32 as in zip files (polynomial 0xEDB88320, reflected).
uint32_t crc32(std::span<const uint8_t> bytes);

/// The records of a zip file. The constructor reads the directory and throws DataError "PATH: ..." for anything that
/// PyTorch does not write: encrypted records, two of one name, records that overlap or leave the file. TorchScript
/// compresses its source code, so compressed records may be there; reading one is an error, and nothing is ever unpacked.
class ZipArchive {
 public:
  explicit ZipArchive(const std::filesystem::path& path);

  bool contains(const std::string& name) const { return records_.contains(name); }
  /// The bytes of a record; they live as long as this object. Throws DataError if it is absent, or if its checksum is
  /// wrong (a stored checksum of 0 means that the writer left it out, as torch.serialization.set_crc32_options(False)).
  std::span<const uint8_t> read(const std::string& name) const;
  /// The folder in front of every name of a torch file ("archive" of "archive/data.pkl"): the part before the first '/'
  /// of the record ".../data.pkl". Throws DataError if there is no such record.
  std::string root() const;
  const std::string& path() const { return path_; }
  void release_pages() const { file_.release_pages(); }
  uint64_t file_size() const { return file_.bytes().size(); }

 private:
  struct Record {
    uint64_t header;  // of the local header
    uint64_t data;
    uint64_t size;
    uint32_t crc;
    bool compressed;
  };
  struct Directory {
    uint64_t start;
    uint64_t count;
    uint64_t end;
  };
  template <class T> T number(uint64_t offset) const;
  std::string_view text(uint64_t offset, uint64_t length) const;
  Directory find_directory() const;
  uint64_t add_record(uint64_t offset, uint64_t directory_start);
  void check_overlap(uint64_t directory_start) const;

  std::string path_;
  MappedFile file_;
  std::map<std::string, Record> records_;
};

}  // namespace longclip
