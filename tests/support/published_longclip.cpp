// tests/support/published_longclip.cpp -- see published_longclip.h
#include "support/published_longclip.h"

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "support/reference_data.h"

namespace longclip::test {
namespace {

constexpr char kShortText = '\x8c';  // SHORT_BINUNICODE: one byte of length, then the text

}  // namespace

PublishedPickle::PublishedPickle(const std::string& file) : bytes_(read_text(data_dir().value() / "golden_longclip_b" / file)) {}

size_t PublishedPickle::after(const std::string& name) const {
  const std::string entry = std::string{kShortText, static_cast<char>(name.size())}.append(name);
  const size_t place = bytes_.find(entry);
  if (place == std::string::npos) throw std::runtime_error("the pickle has no '" + name + "'");
  return place + entry.size();
}

std::string PublishedPickle::tensor_bytes(const std::string& name, size_t num_bytes) const {
  const size_t start = bytes_.find(std::string("\x80\x02\x8a\x0al\xfc", 6), after(name));  // the torch file's first pickle
  if (start == std::string::npos) throw std::runtime_error("'" + name + "' is no tensor");
  uint32_t length = 0;  // in front of the bytes
  std::memcpy(&length, bytes_.data() + start - sizeof length, sizeof length);
  if (length > bytes_.size() - start || length < num_bytes) throw std::runtime_error("'" + name + "' is shorter than expected");
  return bytes_.substr(start + length - num_bytes, num_bytes);
}

std::vector<std::string> PublishedPickle::texts(size_t count) const {
  std::vector<std::string> found;
  for (size_t place = after("texts"); found.size() < count;) {
    place = bytes_.find(kShortText, place) + 1;
    const auto length = static_cast<unsigned char>(bytes_.at(place));
    found.push_back(bytes_.substr(place + 1, length));
    place += 1 + length;
  }
  return found;
}

}  // namespace longclip::test
