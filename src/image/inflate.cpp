// image/inflate.cpp -- zlib's inflate into a small buffer that is overwritten.

#include "image/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace longclip {

InflateOutcome inflate_up_to(std::span<const uint8_t> data, uint64_t limit) {
  constexpr uint64_t kBufferBytes = 1 << 16;
  const auto buffer = std::make_unique_for_overwrite<uint8_t[]>(std::min(limit, kBufferBytes));
  z_stream stream{};
  require<std::runtime_error>(inflateInit(&stream) == Z_OK, "zlib could not be started: out of memory");
  stream.next_in = const_cast<uint8_t*>(data.data());
  stream.avail_in = static_cast<uInt>(std::min<size_t>(data.size(), UINT32_MAX));
  InflateOutcome outcome;
  int result = Z_OK;
  while (result == Z_OK && outcome.bytes < limit) {
    const auto room = static_cast<uInt>(std::min(limit - outcome.bytes, kBufferBytes));
    stream.next_out = buffer.get();
    stream.avail_out = room;
    result = inflate(&stream, Z_NO_FLUSH);
    outcome.bytes += room - stream.avail_out;
  }
  outcome.ended = result == Z_STREAM_END;
  outcome.input_left = stream.avail_in > 0;
  inflateEnd(&stream);
  return outcome;
}

}  // namespace longclip
