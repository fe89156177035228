// tests/fuzz/safetensors_fuzz.cpp -- any bytes as a safetensors file: tensors fill the data one behind the other, each with
// as many bytes as its type and sizes need. Bit 0 of the first byte: what follows is a header up to a line break, then
// data, and the length is put before them, which chance would seldom find.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

#include "base/error.h"
#include "tensors/safetensors_header.h"

namespace {

void check(bool condition) {
  if (!condition) std::abort();
}

std::vector<uint8_t> with_length(const uint8_t* begin, const uint8_t* end) {
  const uint8_t* const line_end = std::find(begin, end, '\n');
  const auto length = static_cast<uint64_t>(line_end - begin);
  std::vector<uint8_t> file(sizeof length);
  std::memcpy(file.data(), &length, sizeof length);
  file.insert(file.end(), begin, line_end);
  if (line_end != end) file.insert(file.end(), line_end + 1, end);
  return file;
}

void check_header(const longclip::SafetensorsHeader& header) {
  std::set<std::string> names;
  uint64_t end = 0;
  for (const auto& entry : header.entries) {
    check(names.insert(entry.name).second && entry.begin == end && entry.end >= entry.begin);
    end = entry.end;
    check(entry.type < longclip::kSafetensorsTypes.size());
    const bool is_empty = std::find(entry.sizes.begin(), entry.sizes.end(), 0) != entry.sizes.end();
    auto bytes = static_cast<unsigned __int128>(is_empty ? 0 : longclip::kSafetensorsTypes[entry.type].size);
    for (const int64_t size : entry.sizes) {
      check(size >= 0);
      bytes *= static_cast<uint64_t>(size);
      check(bytes <= header.data.size());
    }
    check(bytes == entry.end - entry.begin);
  }
  check(end == header.data.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto file = (data[0] & 1) != 0 ? with_length(data + 1, data + size) : std::vector<uint8_t>(data + 1, data + size);
  try {
    check_header(longclip::read_safetensors_header(file, "fuzz"));
  } catch (const longclip::DataError&) {
    // Refused: the other good end.
  }
  return 0;
}
