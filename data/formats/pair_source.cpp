// data/formats/pair_source.cpp -- the error of a bad row, and reading a picture file.
#include "data/formats/pair_source.h"

#include "base/file.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

/// Larger than the largest picture that is decoded, uncompressed with three channels.
constexpr uint64_t kMaxPictureBytes = uint64_t{1} << 30;

}  // namespace

Json to_json(const BadRow& row) {
  return {{"source", row.source}, {"line", row.line}, {"image", row.image}, {"reason", row.reason}};
}

BadRowError::BadRowError(BadRow bad)
    : DataError(fmt::format("{}:{}: {}", bad.source, bad.line, bad.reason)), row(std::move(bad)) {}

std::string read_picture_file(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) {
    const bool backslash = file.string().find('\\') != std::string::npos;
    fail<DataError>("no such file: {}{}", file.string(),
                    backslash ? " (the name holds '\\'; write '/' between folders)" : "");
  }
  require<DataError>(fs::is_regular_file(status), "not a regular file: {}", file.string());
  return read_file(file, kMaxPictureBytes);
}

}  // namespace longclip
