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
  return {{"source", row.source},
          {"line", row.line},
          {"image", row.image},
          {"kind", enum_name(row.kind)},
          {"reason", row.reason}};
}

BadKind kind_of(const DataError& error) {
  if (dynamic_cast<const CaptionError*>(&error) != nullptr) return BadKind::kCaption;
  if (dynamic_cast<const MissingPicture*>(&error) != nullptr) return BadKind::kMissing;
  if (dynamic_cast<const BrokenPicture*>(&error) != nullptr) return BadKind::kBroken;
  return BadKind::kRow;
}

BadRowError::BadRowError(BadRow bad)
    : DataError(fmt::format("{}:{}: {}", bad.source, bad.line, bad.reason)), row(std::move(bad)) {}

std::string read_picture_file(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) {
    const bool backslash = file.string().find('\\') != std::string::npos;
    fail<MissingPicture>("no such file: {}{}", file.string(),
                         backslash ? " (the name holds '\\'; write '/' between folders)" : "");
  }
  require<BrokenPicture>(fs::is_regular_file(status), "not a regular file: {}", file.string());
  try {
    return read_file(file, kMaxPictureBytes);
  } catch (const DataError& problem) {  // may not be read, or is too large
    throw BrokenPicture(problem.what());
  }
}

}  // namespace longclip
