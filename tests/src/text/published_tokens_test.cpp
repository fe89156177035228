// tests/src/text/published_tokens_test.cpp -- the token ids that come with the published LongCLIP-B.
#include <cstdint>
#include <cstring>

#include "support/published_longclip.h"
#include "support/reference_data.h"
#include "text/tokenizer.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("Tokenizer: the published LongCLIP-B token ids, padded with 0 to 248", "[text][golden]") {
  if (!test::data_dir()) return test::say_skipped("published token ids", "shared/data");
  for (const char* file : {"tokenization.pkl", "text_encoding_b.pkl"}) {
    const test::PublishedPickle published(file);
    const std::vector<std::string> texts = published.texts(3);
    const std::string bytes = published.tensor_bytes("tokens", 3 * 248 * sizeof(int32_t));
    std::vector<int32_t> wanted(size_t{3} * 248);
    std::memcpy(wanted.data(), bytes.data(), bytes.size());
    size_t different = 0;
    for (size_t row = 0; row < texts.size(); ++row) {
      std::vector<int32_t> ids = Tokenizer::clip().encode(texts[row], 248).ids;
      CAPTURE(file, texts[row]);
      CHECK(ids.size() > 3);
      ids.resize(248, 0);
      for (size_t i = 0; i < ids.size(); ++i) different += ids[i] != wanted[row * 248 + i] ? 1 : 0;
    }
    test::report_difference(std::string("published token ids that differ, ") + file, static_cast<double>(different), 0);
    CHECK(different == 0);
  }
}

}  // namespace longclip
