// tests/src/image/picture_names_test.cpp -- names that are taken for pictures.
#include "image/picture_names.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("Picture names: the last ending decides, in letters of any case", "[unit]") {
  for (const char* name : {"a.jpg", "a.JPEG", "a.b.Png", "dir.d/x.webp", ".gif", "x.TIFF", "x.pbm", "x.jpe"}) {
    CAPTURE(name);
    REQUIRE(is_picture_name(name));
  }
  for (const char* name : {"jpg", "a.jpg.txt", "a.", "", "a.jpg~", "a.xjpg"}) {
    CAPTURE(name);
    REQUIRE_FALSE(is_picture_name(name));
  }
}

TEST_CASE("Picture names: an ending has no dot in it", "[unit]") {
  REQUIRE(is_picture_ending("jpg"));
  REQUIRE_FALSE(is_picture_ending(".jpg"));
  REQUIRE_FALSE(is_picture_ending("2024.jpg"));
}

}  // namespace longclip
