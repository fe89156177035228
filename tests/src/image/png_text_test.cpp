// tests/src/image/png_text_test.cpp -- image/png_text.h in PNG files made in memory.
#include "image/png_text.h"

#include "base/error.h"
#include "encode_picture.h"
#include "image/decode.h"
#include "picture_files.h"
#include "support/catch.h"

namespace longclip {
namespace {

using std::string_literals::operator""s;
using test::as_bytes;
using test::deflate_all;
using test::png_chunk;

constexpr size_t kMegabyte = 1 << 20;

/// The error of a PNG with these chunks before or behind its pixels; empty where it is taken.
std::string refusal(const std::string& before, const std::string& behind = "", const DecodeOptions& options = {}) {
  try {
    const std::string pixel = deflate_all("\0\7"s);
    decode_picture(as_bytes(test::png_of_stream({.width = 1, .height = 1}, pixel, before, behind)), "p", options);
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("PngTextCheck: text and profiles of more than a mebibyte are refused, before the pixels and behind them",
          "[image][unit]") {
  const std::string large = deflate_all(std::string(kMegabyte + 1, 'a'));
  for (const std::string& chunk : {png_chunk("zTXt", "k\0\0"s + large), png_chunk("iTXt", "k\0\1\0en\0k\0"s + large),
                                   png_chunk("iCCP", "k\0\0"s + large)}) {
    REQUIRE_THAT(refusal(chunk), ContainsSubstring("inflates to more than 1048576 bytes"));
    REQUIRE_THAT(refusal("", chunk), ContainsSubstring("inflates to more than 1048576 bytes"));
    REQUIRE(refusal(chunk, "", {.load_truncated = true}).empty());
  }
  REQUIRE(refusal(png_chunk("zTXt", "k\0\0"s + deflate_all(std::string(kMegabyte, 'a')))).empty());
  REQUIRE(refusal(png_chunk("iTXt", "k\0\1\1en\0k\0"s + large)).empty());  // of another compression
}

TEST_CASE("PngTextCheck: all text together has at most 64 mebibytes", "[image][unit]") {
  const std::string chunk = png_chunk("zTXt", "\0\0"s + test::deflated_zeros(1).substr(0, 900));
  std::string many;
  for (int i = 0; i < 4000; ++i) many += chunk;
  REQUIRE_THAT(refusal(many), ContainsSubstring("its text has more than 67108864 bytes"));
  REQUIRE_THAT(refusal(many, "", {.load_truncated = true}), ContainsSubstring("its text has more"));
  REQUIRE(refusal(chunk + chunk).empty());
}

TEST_CASE("PngTextCheck: an unknown compression is refused and a broken stream is not", "[image][unit]") {
  const std::string text = deflate_all("text");
  REQUIRE_THAT(refusal(png_chunk("zTXt", "k\0\1"s + text)), ContainsSubstring("chunk zTXt of an unknown compression"));
  for (const std::string& data : {""s, "k"s, "k\0"s, "k\0\1"s + text})
    REQUIRE_THAT(refusal(png_chunk("iCCP", data)), ContainsSubstring("chunk iCCP of an unknown compression"));
  for (const std::string& data : {""s, "k"s, "k\0"s, "k\0\0"s, "k\0\0broken"s})
    REQUIRE(refusal(png_chunk("zTXt", data)).empty());
  for (const std::string& data : {""s, "k"s, "k\0\1"s, "k\0\1\0"s, "k\0\1\0en\0k"s, "k\0\1\0\0\0broken"s})
    REQUIRE(refusal(png_chunk("iTXt", data)).empty());
  REQUIRE(refusal(png_chunk("iCCP", "k\0\0broken"s)).empty());
}

}  // namespace longclip
