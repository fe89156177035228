// tests/src/text/tokenizer_test.cpp -- text/tokenizer.h, byte_pairs.h and word_pattern.h.
#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/error.h"
#include "text/embedded_text.h"
#include "text/word_pattern.h"
#include "support/catch.h"

namespace longclip {
namespace {

using Ids = std::vector<int32_t>;

std::vector<std::string> words_of(const std::string& text, bool take_special = true) {
  std::vector<std::string> words;
  for (size_t at = 0;;) {
    const std::string_view word = next_word(text, at, take_special);
    if (word.empty()) return words;
    words.emplace_back(word);
    at = static_cast<size_t>(word.data() - text.data()) + word.size();
  }
}

/// CLIP's rounds, word for word: find the best pair, merge all its places from left to right, again.
std::vector<std::string> merge_in_rounds(std::vector<std::string> parts,
                                         const std::map<std::pair<std::string, std::string>, size_t>& ranks) {
  while (true) {
    size_t best = std::numeric_limits<size_t>::max();
    std::pair<std::string, std::string> best_pair;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find({parts[i], parts[i + 1]});
      if (found == ranks.end() || found->second >= best) continue;
      best = found->second;
      best_pair = found->first;
    }
    if (best == std::numeric_limits<size_t>::max()) return parts;
    std::vector<std::string> merged;
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool fits = i + 1 < parts.size() && parts[i] == best_pair.first && parts[i + 1] == best_pair.second;
      merged.push_back(fits ? parts[i] + parts[i + 1] : parts[i]);
      i += fits ? 1 : 0;
    }
    parts = std::move(merged);
  }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("Tokenizer: has CLIP's vocabulary, in CLIP's spelling and order", "[text][unit]") {
  const Tokenizer& clip = Tokenizer::clip();
  CHECK(clip.vocabulary_size() == 49408);
  CHECK(clip.sot() == 49406);
  CHECK(clip.eot() == 49407);
  CHECK(clip.merges().size() == 48894);
  CHECK(clip.merges().front() == "i n");
  const std::vector<std::string>& words = clip.vocabulary();
  CHECK(words.size() == 49408);
  CHECK(words[0] == "!");
  CHECK(words[93] == "~");
  CHECK(words[188] == "\u0100");  // byte 0
  CHECK(words[220] == "\u0120");  // the blank
  CHECK(words[256] == "!</w>");
  CHECK(words[512] == "in");
  CHECK(words[2368] == "cat</w>");
  CHECK(words[49406] == "<|startoftext|>");
  CHECK(words[49407] == "<|endoftext|>");
  CHECK(std::set<std::string>(words.begin(), words.end()).size() == words.size());
}

TEST_CASE("Tokenizer: a long text is cut, and its last id is the end of text", "[text][unit]") {
  const Tokenizer& clip = Tokenizer::clip();
  const Tokenized whole = clip.encode("a cat", 4);
  CHECK(whole.ids == Ids{49406, 320, 2368, 49407});
  CHECK(!whole.truncated);
  const Tokenized cut = clip.encode("a cat", 3);
  CHECK(cut.ids == Ids{49406, 320, 49407});
  CHECK(cut.truncated);
  CHECK(clip.encode("cat cat cat", 2).ids == Ids{49406, 49407});
  CHECK(clip.encode("", 248).ids == Ids{49406, 49407});
  CHECK(!clip.encode("", 2).truncated);
  CHECK_THROWS_AS(clip.encode("a", 1), InputError);
}

TEST_CASE("Tokenizer: a special token in a text is one in CLIP and plain text where that is wanted", "[text][unit]") {
  const Tokenizer& clip = Tokenizer::clip();
  for (const char* text : {"a dog <|endoftext|>", "a dog <|ENDOFTEXT|>", "a dog &lt;|endoftext|&gt;"}) {
    CAPTURE(text);
    const Tokenized special = clip.encode(text, 248);
    CHECK(special.ids == Ids{49406, 320, 1929, 49407, 49407});
    CHECK(special.holds_special_token);
    const Tokenized plain = clip.encode(text, 248, SpecialTokens::kPlain);
    CHECK(plain.ids.size() > 5);
    CHECK(std::count(plain.ids.begin(), plain.ids.end(), 49407) == 1);
    CHECK(!plain.holds_special_token);
  }
  CHECK(clip.encode("<|startoftext|>", 248).ids == Ids{49406, 49406, 49407});
  CHECK(!clip.encode("a dog <|endoftext|>", 4).holds_special_token);  // cut off
  CHECK(clip.encode("a dog <|endoftext|>", 5).holds_special_token);
  CHECK(!clip.encode("a dog", 248).holds_special_token);
}

TEST_CASE("Tokenizer: gives the same ids in many threads and when it remembers a word", "[text][unit]") {
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i)
    texts.push_back("text number " + std::to_string(i * 7919) + " caf\u00E9 \u4E2D" + std::to_string(i));
  std::vector<Ids> alone;
  for (const std::string& text : texts) alone.push_back(Tokenizer::clip().encode(text, 77).ids);
  std::array<int, 4> wrong{};
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2; ++round) {
        for (size_t i = 0; i < texts.size(); ++i)
          count += Tokenizer::clip().encode(texts[i], 77).ids != alone[i] ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::array<int, 4>{});
}

TEST_CASE("Tokenizer: ten thousand words, or one word of a megabyte, take no more than a moment", "[text][unit]") {
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "word" + std::to_string(i) + " ";
  std::string letters;
  std::mt19937 random(1);
  while (letters.size() < 1'000'000) letters += static_cast<char>('a' + random() % 26);
  const auto start = std::chrono::steady_clock::now();
  CHECK(Tokenizer::clip().encode(many, 100'000).ids.size() > 20'000);
  CHECK(Tokenizer::clip().encode(letters, 248).truncated);
  CHECK(Tokenizer::clip().encode(std::string(1'000'000, 'a'), 248).truncated);
  CHECK(Tokenizer::clip().encode(std::string(1'000'000, '!'), 2'000'000).ids.size() < 500'000);
  CHECK(seconds_since(start) < 60);  // seconds here; hours if the time grew with the square of the length
}

TEST_CASE("BytePairs: the heap merges as CLIP's rounds do", "[text][unit]") {
  const BytePairs pairs(clip_merges_text());
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  for (const std::string& merge : pairs.merges()) {
    const size_t blank = merge.find(' ');
    ranks.emplace(std::pair(merge.substr(0, blank), merge.substr(blank + 1)), ranks.size());
  }
  std::mt19937 random(7);
  const std::string letters = "aaaeeeiinnttsshrloouy!.'";
  for (int trial = 0; trial < 3000; ++trial) {
    std::string word;
    const size_t length = 1 + random() % 24;
    while (word.size() < length) word += letters[random() % letters.size()];
    std::vector<std::string> parts;
    for (const char letter : word) parts.emplace_back(1, letter);
    parts.back() += "</w>";
    std::vector<std::string> got;
    Ids ids;
    pairs.encode(word, ids);
    for (const int32_t id : ids) got.push_back(pairs.vocabulary()[static_cast<size_t>(id)]);
    CAPTURE(word);
    REQUIRE(got == merge_in_rounds(parts, ranks));
  }
}

TEST_CASE("BytePairs: merges that would not give CLIP's result are refused", "[text][unit]") {
  CHECK_THROWS_WITH(BytePairs("ab c\na b\n"), ContainsSubstring("'ab c'"));
  CHECK_THROWS_WITH(BytePairs("a b\nb c\nab c\na bc\n"), ContainsSubstring("'a bc'"));
  CHECK_THROWS_WITH(BytePairs("ab\n"), ContainsSubstring("'ab'"));
}

TEST_CASE("next_word: cuts as CLIP's pattern", "[text][unit]") {
  using Words = std::vector<std::string>;
  CHECK(words_of("it's 12 dogs, isn't it?!") == Words{"it", "'s", "1", "2", "dogs", ",", "isn", "'t", "it", "?!"});
  CHECK(words_of("they'll we've i'm he'd 's").back() == "'s");
  CHECK(words_of("!'s") == Words{"!'", "s"});
  CHECK(words_of("'\u017F") == Words{"'\u017F"});  // a long s is an s with case ignored
  CHECK(words_of("\u00BD\u2167\u0661") == Words{"\u00BD", "\u2167", "\u0661"});
  CHECK(words_of("\u4E2D\u6587\u00E9x") == Words{"\u4E2D\u6587\u00E9x"});
  CHECK(words_of("a\u0345b") == Words{"a", "b"});  // the one character that no alternative takes
  CHECK(words_of(".<|endoftext|>") == Words{".<|", "endoftext", "|>"});
  CHECK(words_of("<|endoftext|>x") == Words{"<|endoftext|>", "x"});
  CHECK(words_of("<|endoftext|>x", false) == Words{"<|", "endoftext", "|>", "x"});
  CHECK(words_of("<|\u017Ftartoftext|>") == Words{"<|\u017Ftartoftext|>"});
  CHECK(words_of("  ").empty());
}

}  // namespace longclip
