// tests/fuzz/tokenizer_fuzz.cpp -- any bytes as a caption: the ids begin with SOT, end with EOT and fit the context.
// The first byte chooses the context and what special tokens mean.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto& tokenizer = longclip::Tokenizer::clip();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const int64_t context = (data[0] & 1) != 0 ? 248 : 8;
  const auto special = (data[0] & 2) != 0 ? longclip::SpecialTokens::kPlain : longclip::SpecialTokens::kClip;
  const auto ids = tokenizer.encode(text, context, special).ids;
  const bool good = ids.size() >= 2 && static_cast<int64_t>(ids.size()) <= context && ids.front() == tokenizer.sot() &&
                    ids.back() == tokenizer.eot();
  if (!good) std::abort();
  return 0;
}
