// tensors/npy.cpp -- see tensors/npy.h
#include "tensors/npy.h"

#include <ATen/ops/empty.h>

#include <cstring>
#include <regex>

#include "base/error.h"
#include "base/file.h"
#include "tensors/atomic_output.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignment = 64;
constexpr size_t kMaxHeader = 1 << 16;

/// The dictionary of the header, and where the data begins.
struct Header {
  std::string dictionary;
  size_t data_begins = 0;
};

Header header_of(std::span<const uint8_t> file, const std::string& path) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  require<DataError>(text.starts_with(kMagic) && text.size() >= kMagic.size() + 6, "{}: is no .npy file", path);
  const uint8_t version = file[kMagic.size()];
  require<DataError>(version >= 1 && version <= 3, "{}: version {} of the .npy format is not known", path, version);
  const size_t length_size = version == 1 ? 2 : 4, length_at = kMagic.size() + 2;
  uint32_t length = 0;
  std::memcpy(&length, file.data() + length_at, length_size);
  const size_t begin = length_at + length_size;
  require<DataError>(length <= kMaxHeader && length <= text.size() - begin, "{}: the header is longer than the file", path);
  return {std::string(text.substr(begin, length)), begin + length};
}

}  // namespace

void write_npy(const std::filesystem::path& path, const at::Tensor& matrix_NE) {
  check_shape(matrix_NE, {kAnySize, kAnySize}, "matrix_NE");
  require<ShapeError>(matrix_NE.scalar_type() == at::kFloat, "a .npy file is written of float32 numbers");
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", matrix_NE.size(0), matrix_NE.size(1));
  const size_t before = kMagic.size() + 4;  // version and length
  header.resize((before + header.size() + kAlignment) / kAlignment * kAlignment - before - 1, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  const at::Tensor bytes = matrix_NE.detach().cpu().contiguous();
  AtomicOutput output(path);
  output.write(kMagic.data(), kMagic.size());
  output.write("\x01\x00", 2);
  output.write(&length, sizeof length);
  output.write(header.data(), header.size());
  output.write(bytes.const_data_ptr(), bytes.nbytes());
  output.commit();
}

at::Tensor read_npy(const std::filesystem::path& path) {
  const MappedFile file(path);
  const Header header = header_of(file.bytes(), path.string());
  static const std::regex wanted(R"(\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d{1,12}), (\d{1,12})\), \}\s*)");
  std::smatch shape;
  require<DataError>(std::regex_match(header.dictionary, shape, wanted), "{}: must be a float32 matrix in C order, but is {}", path.string(),
                     header.dictionary.substr(0, 200));
  const int64_t rows = std::stoll(shape[1]), columns = std::stoll(shape[2]);
  const size_t left = file.bytes().size() - header.data_begins;
  require<DataError>(columns > 0 && left % (static_cast<size_t>(columns) * sizeof(float)) == 0 &&
                         left / (static_cast<size_t>(columns) * sizeof(float)) == static_cast<size_t>(rows),
                     "{}: {} bytes are no matrix of {} x {} float32 numbers", path.string(), left, rows, columns);
  at::Tensor matrix_NE = at::empty({rows, columns}, at::kFloat);
  if (left > 0) std::memcpy(matrix_NE.data_ptr(), file.bytes().data() + header.data_begins, left);
  return matrix_NE;
}

}  // namespace longclip
