// tests/fuzz/json_fuzz.cpp -- any bytes as JSON: what parses can be written and parsed again to the same value.
// The first byte chooses whether lone surrogates are repaired.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  longclip::JsonLimits limits;
  limits.repair_surrogates = (data[0] & 1) != 0;
  try {
    const longclip::Json value = longclip::parse_json(text, "fuzz", limits);
    if (longclip::parse_json(longclip::to_json_line(value), "fuzz again", limits) != value) std::abort();
  } catch (const longclip::DataError&) {
    // Refused: the other good end.
  }
  return 0;
}
