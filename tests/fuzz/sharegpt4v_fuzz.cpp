// tests/fuzz/sharegpt4v_fuzz.cpp -- any bytes as ShareGPT4V's JSON array, walked through as a stream: see row_check.h
#include <cstdint>

#include "data/formats/sharegpt4v.h"
#include "row_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  longclip::Sharegpt4v format;
  longclip::check_rows(format, {reinterpret_cast<const char*>(data), size});
  return 0;
}
