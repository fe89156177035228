// tests/src/text/caption_test.cpp -- text/caption.h
#include "text/caption.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("first_sentence: is what stands before the first full stop with a blank", "[text][unit]") {
  CHECK(first_sentence("A dog. It runs. Fast.") == "A dog");
  CHECK(first_sentence("A dog.") == "A dog.");
  CHECK(first_sentence("Version 1.5 of a dog.It runs") == "Version 1.5 of a dog.It runs");
  CHECK(first_sentence(". A dog") == "");
  CHECK(first_sentence("") == "");
  CHECK(first_sentence("A dog.\nIt runs. Fast") == "A dog.\nIt runs");
}

TEST_CASE("sentences: are all pieces between full stops, without empty ones", "[text][unit]") {
  using Pieces = std::vector<std::string>;
  CHECK(sentences("A dog. It runs. Fast.") == Pieces{"A dog", "It runs", "Fast."});
  CHECK(sentences(". A dog. . . Here. ") == Pieces{"A dog", "Here"});
  CHECK(sentences("").empty());
}

TEST_CASE("growing_subtexts: end after about equal numbers of sentences, and the last one is the whole caption", "[text][unit]") {
  using Texts = std::vector<std::string>;
  const std::string five = "A. B. C. D. E.";
  CHECK(growing_subtexts(five, 3) == Texts{"A.", "A. B. C.", five});
  CHECK(growing_subtexts(five, 5) == Texts{"A.", "A. B.", "A. B. C.", "A. B. C. D.", five});
  CHECK(growing_subtexts("A. B. C. D. E. F", 2) == Texts{"A. B. C.", "A. B. C. D. E. F"});
  CHECK(growing_subtexts(five, 6).empty());
  CHECK(growing_subtexts("One sentence.", 1) == Texts{"One sentence."});
  CHECK(growing_subtexts("A. . . B. ", 2) == Texts{"A.", "A. . . B. "});
}

TEST_CASE("single_line: turns line feeds into blanks and nothing else", "[text][unit]") {
  CHECK(single_line("a\nb\n\nc\r\n") == "a b  c\r ");
  CHECK(single_line("a. b") == "a. b");
}

}  // namespace longclip
