#pragma once
// image/inflate.h -- how far a zlib stream goes, with a bound: a few kilobytes can hold gigabytes.

#include <cstdint>
#include <span>

namespace longclip {

struct InflateOutcome {
  uint64_t bytes = 0;  ///< that came out, at most the limit
  bool ended = false;  ///< the stream is whole, with a right checksum
  bool input_left = false;
};

/// Inflates until the stream ends, breaks, or has given `limit` bytes, and keeps none of them.
InflateOutcome inflate_up_to(std::span<const uint8_t> data, uint64_t limit);

}  // namespace longclip
