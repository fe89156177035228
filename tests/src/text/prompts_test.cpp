// tests/src/text/prompts_test.cpp -- the published prompts are whole, and one's own are checked.
#include "text/prompts.h"

#include <set>

#include "base/error.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("Prompts: the published lists have their size, no line twice, and one place for the class each", "[text][unit]") {
  for (const auto& [name, size, first, last] : {std::tuple{"imagenet80", size_t{80}, "a bad photo of a {}.", "a tattoo of the {}."},
                                                {"cifar18", size_t{18}, "a photo of a {}.", "a photo of the big {}."},
                                                {"simple", size_t{1}, "a photo of a {}.", "a photo of a {}."}}) {
    CAPTURE(name);
    const std::vector<std::string> templates = published_templates(name);
    REQUIRE(templates.size() == size);
    REQUIRE(std::set(templates.begin(), templates.end()).size() == size);
    REQUIRE(templates.front() == first);
    REQUIRE(templates.back() == last);
    std::string text;
    for (const std::string& line : templates) text += line + "\n";
    REQUIRE(parse_templates(text, name) == templates);
  }
}

TEST_CASE("Prompts: ImageNet's classes have the names that CLIP gives them", "[text][unit]") {
  REQUIRE(imagenet_class_name("n01440764") == "tench");
  REQUIRE(imagenet_class_name("n02012849") == "crane bird");
  REQUIRE(imagenet_class_name("n03126707") == "construction crane");
  REQUIRE(imagenet_class_name("n15075141") == "toilet paper");
  for (const std::string other : {"n00000000", "tench", "", "n0144076", "n01440764 "}) REQUIRE_FALSE(imagenet_class_name(other));
}

TEST_CASE("Prompts: the class stands in the place of {}", "[text][unit]") {
  REQUIRE(fill_template("a photo of a {}.", "great {white} shark") == "a photo of a great {white} shark.");
  REQUIRE(fill_template("{}", "cat") == "cat");
}

TEST_CASE("Prompts: lists of one's own may have marks, carriage returns and blank lines", "[text][unit]") {
  REQUIRE(parse_templates("\xEF\xBB\xBF" "a {}\r\n\n  \n the {} \nlast {}", "t") == std::vector<std::string>{"a {}", " the {} ", "last {}"});
}

TEST_CASE("Prompts: a template without a place for the class, or with two, is named with its file", "[text][unit]") {
  for (const std::string text : {"a {}\na photo\n", "a {} and a {}\n"}) {
    REQUIRE_THROWS_AS(parse_templates(text, "mine.txt"), DataError);
    REQUIRE_THROWS_WITH(parse_templates(text, "mine.txt"), ContainsSubstring("mine.txt: a template must hold {} once"));
  }
  REQUIRE_THROWS_WITH(parse_templates(" \n", "mine.txt"), ContainsSubstring("mine.txt: holds no template"));
  REQUIRE_THROWS_WITH(parse_templates("\xFF {}\n", "mine.txt"), ContainsSubstring("mine.txt: the text is not UTF-8"));
}

}  // namespace longclip
