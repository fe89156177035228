// tests/src/image/inflate_test.cpp -- image/inflate.h on whole, cut, broken and endless streams.
#include "image/inflate.h"

#include "encode_picture.h"
#include "picture_files.h"
#include "support/catch.h"

namespace longclip {

using test::as_bytes;

TEST_CASE("inflate_up_to: it tells a whole stream from a cut, broken or longer one", "[image][unit]") {
  const std::string whole = test::deflate_all("twelve bytes");
  const InflateOutcome all = inflate_up_to(as_bytes(whole + "behind it"), 100);
  REQUIRE((all.bytes == 12 && all.ended && all.input_left));
  REQUIRE_FALSE(inflate_up_to(as_bytes(whole.substr(0, whole.size() - 1)), 100).ended);
  std::string wrong_sum = whole;
  wrong_sum.back() = static_cast<char>(wrong_sum.back() + 1);
  REQUIRE_FALSE(inflate_up_to(as_bytes(wrong_sum), 100).ended);
  const InflateOutcome part = inflate_up_to(as_bytes(whole), 5);
  REQUIRE((part.bytes == 5 && !part.ended && part.input_left));
  REQUIRE(inflate_up_to({}, 5).bytes == 0);
}

TEST_CASE("inflate_up_to: it stops at the limit, however much the stream holds", "[image][unit]") {
  const std::string endless = test::deflated_zeros(3000);
  const InflateOutcome found = inflate_up_to(as_bytes(endless), 1 << 20);
  REQUIRE((found.bytes == 1 << 20 && !found.ended && found.input_left));
}

}  // namespace longclip
