// image/png_text.cpp -- the limits of Pillow's PngImagePlugin.py for text and profiles.

#include "image/png_text.h"

#include <algorithm>

#include "base/error.h"
#include "image/inflate.h"

namespace longclip {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr uint64_t kMaxInflated = 1 << 20;             // MAX_TEXT_CHUNK
constexpr uint64_t kMaxTogether = uint64_t{64} << 20;  // MAX_TEXT_MEMORY

/// What is behind the first zero; empty without one.
Bytes behind_zero(Bytes data) {
  const auto zero = std::ranges::find(data, 0);
  return zero == data.end() ? Bytes() : data.subspan(static_cast<size_t>(zero - data.begin()) + 1);
}

}  // namespace

void PngTextCheck::see(std::string_view name, Bytes data) {
  if (name == "tEXt") count(data.size());
  if (name == "iCCP") {
    const Bytes rest = behind_zero(data);
    require_known_method(name, !rest.empty() && rest[0] == 0);
    see_deflated(name, rest.subspan(1));
  }
  if (name == "zTXt") {
    const Bytes rest = behind_zero(data);
    require_known_method(name, rest.empty() || rest[0] == 0);
    if (!rest.empty()) see_deflated(name, rest.subspan(1));
  }
  if (name == "iTXt") {
    const Bytes rest = behind_zero(data);
    if (rest.size() < 2) return;
    const Bytes text = behind_zero(behind_zero(rest.subspan(2)));  // of a language and a translated name
    if (rest[0] == 0) return count(text.size());
    if (rest[1] == 0) see_deflated(name, text);
  }
}

/// Broken streams are no error, as in Pillow.
void PngTextCheck::see_deflated(std::string_view name, Bytes stream) {
  const InflateOutcome found = inflate_up_to(stream, kMaxInflated);
  const bool fits = found.bytes < kMaxInflated || found.ended || !found.input_left;
  require<DataError>(fits || load_truncated_, "{}: broken PNG file: chunk {} inflates to more than {} bytes", where_, name,
                     kMaxInflated);
  count(found.bytes);
}

void PngTextCheck::require_known_method(std::string_view name, bool known) const {
  require<DataError>(known, "{}: broken PNG file: chunk {} of an unknown compression", where_, name);
}

/// Pillow counts only what it keeps. Here all of it counts, so that a file of many broken texts takes no longer.
void PngTextCheck::count(uint64_t bytes) {
  bytes_ += bytes;
  require<DataError>(bytes_ <= kMaxTogether, "{}: broken PNG file: its text has more than {} bytes", where_, kMaxTogether);
}

}  // namespace longclip
