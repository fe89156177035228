// tests/src/config/section_reader_test.cpp -- config/section_reader.h, scalar_reader.h and section_writer.h on a small struct.
#include "config/section_reader.h"

#include "base/error.h"
#include "config/section_writer.h"
#include "support/catch.h"

namespace longclip {

enum class Colour { kRed, kGreen };
template <> struct EnumNames<Colour> {
  static constexpr std::array kNames{std::pair{Colour::kRed, "red"}, std::pair{Colour::kGreen, "green"}};
};

namespace {

struct Inner {
  std::string text = "t";
  std::filesystem::path place = "here";
  bool operator==(const Inner&) const = default;
  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("text", self.text, {"Text.", "", kRequired});
    visit("place", self.place, {"Place."});
  }
};

struct Sample {
  bool flag = false;
  int64_t count = 1;
  double rate = 0.5;
  Colour colour = Colour::kRed;
  std::optional<int64_t> limit;
  std::array<double, 2> pair{1, 2};
  std::vector<Inner> items;
  bool operator==(const Sample&) const = default;
  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("flag", self.flag, {"Flag."});
    visit("count", self.count, {"Count.", "", kMayChange});
    visit("rate", self.rate, {"Rate."});
    visit("colour", self.colour, {"Colour."});
    visit("limit", self.limit, {.meaning = "Limit.", .empty = "all", .replaces = "rate"});
    visit("pair", self.pair, {"Pair."});
    visit("items", self.items, {"Items."});
  }
  void validate(const RejectField& reject) const {
    if (count < 0) reject("count", "must not be negative");
  }
};

Sample read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  ConfigNode root = parse_yaml(text, {"x.yaml", "/folder"});
  int order = 0;
  for (const std::string& override_text : overrides) apply_override(root, override_text, ++order);
  Sample sample;
  read_section(root, "", sample);
  return sample;
}

}  // namespace

TEST_CASE("read_section: whole numbers are decimal digits and nothing else", "[config][unit]") {
  REQUIRE(read("count: 12").count == 12);
  REQUIRE(read("count: +12").count == 12);
  REQUIRE(read("count: 0").count == 0);
  for (const std::string bad : {"010",
                                "-010",
                                "0o10",
                                "0x10",
                                "1_0",
                                "4.0",
                                "1e3",
                                "\"4\"",
                                "'4'",
                                "yes",
                                "true",
                                "",
                                "~",
                                "null",
                                "[4]",
                                "{a: 4}",
                                "9223372036854775808",
                                "--1",
                                "+-1",
                                "+",
                                "1 2"}) {
    CAPTURE(bad);
    REQUIRE_THROWS_WITH(read("count: " + bad), ContainsSubstring("x.yaml:1:") && ContainsSubstring("count: "));
  }
}

TEST_CASE("read_section: numbers are finite decimals, with or without a point and an exponent", "[config][unit]") {
  REQUIRE(read("rate: 1e-6").rate == 1e-6);
  REQUIRE(read("rate: 1E-06").rate == 1e-6);
  REQUIRE(read("rate: .5").rate == 0.5);
  REQUIRE(read("rate: 5.").rate == 5);
  REQUIRE(read("rate: -3").rate == -3);
  for (const std::string bad : {".inf", "-.Inf", "inf", "nan", ".NaN", "1e999", "1e-999", "0x1p3", "01.5", "1_0.5",
                                "1,5", "\"0.5\"", "e5", "1e", ".", "x"}) {
    CAPTURE(bad);
    REQUIRE_THROWS_WITH(read("rate: " + bad), ContainsSubstring("x.yaml:1:7: rate: "));
  }
  REQUIRE_THROWS_WITH(read("rate: .inf"), ContainsSubstring("must be finite"));
  REQUIRE_THROWS_WITH(read("count: 010"), ContainsSubstring("octal"));
}

TEST_CASE("read_section: truth values are true and false, words are those of the list", "[config][unit]") {
  REQUIRE(read("flag: true").flag);
  for (const std::string bad : {"yes", "no", "on", "True", "1", "\"true\"", "null"}) {
    CAPTURE(bad);
    REQUIRE_THROWS_WITH(read("flag: " + bad), ContainsSubstring("flag: "));
  }
  REQUIRE(read("colour: green").colour == Colour::kGreen);
  REQUIRE_THROWS_WITH(read("colour: gren"),
                      ContainsSubstring("did you mean 'green'") && ContainsSubstring("red, green"));
}

TEST_CASE("read_section: an optional takes its word, and messages name it", "[config][unit]") {
  REQUIRE(read("limit: 3").limit == 3);
  REQUIRE_FALSE(read("limit: all").limit);
  REQUIRE_THROWS_WITH(read("limit: none"), ContainsSubstring("a whole number or `all` is wanted, not 'none'"));
  REQUIRE_THROWS_AS(read("limit: \"all\""), ConfigError);
}

TEST_CASE("read_section: an unknown key is an error that names its place and the nearest key", "[config][unit]") {
  REQUIRE_THROWS_WITH(
      read("flag: true\ncuont: 3\n"),
      ContainsSubstring("x.yaml:2:") && ContainsSubstring("unknown key 'cuont'; did you mean 'count'?"));
  REQUIRE_THROWS_WITH(read("items: [{text: a, plce: b}]"), ContainsSubstring("'items[0].plce'; did you mean 'place'?"));
  REQUIRE_THROWS_WITH(read("zzzzzz: 3\n"), ContainsSubstring("known are flag, count"));
  REQUIRE_THROWS_WITH(read("flag: true", {"cuont=3"}),
                      ContainsSubstring("--set cuont=3: unknown key 'cuont'; did you mean 'count'?"));
}

TEST_CASE("read_section: a missing required key, a wrong list and a rejected value name the full key",
          "[config][unit]") {
  REQUIRE_THROWS_WITH(read("items:\n  - {text: a}\n  - {place: b}\n"),
                      ContainsSubstring("x.yaml:3:5: items[1].text: is missing"));
  REQUIRE_THROWS_WITH(read("pair: [1]"), ContainsSubstring("a list of 2 values is wanted"));
  REQUIRE_THROWS_WITH(read("items: {text: a}"), ContainsSubstring("a list is wanted"));
  REQUIRE_THROWS_WITH(read("items: [a]"), ContainsSubstring("items[0]: keys are wanted"));
  REQUIRE_THROWS_WITH(read("count: -1"), ContainsSubstring("x.yaml:1:8: count: must not be negative (given: -1)"));
  REQUIRE_THROWS_WITH(read("count: 1", {"count=-2"}), ContainsSubstring("--set count=-2: count: must not be negative"));
}

TEST_CASE("read_section: two keys that exclude each other cannot both be given, but --set decides", "[config][unit]") {
  REQUIRE_THROWS_WITH(read("rate: 0.1\nlimit: 3"), ContainsSubstring("x.yaml:2:8: limit: excludes rate"));
  REQUIRE(read("rate: 0.1\nlimit: all").rate == 0.1);
  const Sample limit_wins = read("rate: 0.1", {"limit=3"});
  REQUIRE(limit_wins.limit == 3);
  REQUIRE(limit_wins.rate == 0.5);
  const Sample rate_wins = read("limit: 3", {"rate=0.1"});
  REQUIRE_FALSE(rate_wins.limit);
  REQUIRE(rate_wins.rate == 0.1);
}

TEST_CASE("read_section: paths start at the file's folder, those of --set at the working folder", "[config][unit]") {
  REQUIRE(read("items: [{text: a, place: ../b/./c}]").items[0].place == "/b/c");
  REQUIRE(read("items: [{text: a, place: /abs/}]").items[0].place == "/abs");
  REQUIRE(read("items: [{text: a, place: ~/$HOME}]").items[0].place == "/folder/~/$HOME");
  REQUIRE(read("items: [{text: a}]").items[0].place == "/folder/here");
  const Sample overridden = read("items: [{text: a}]", {"items[0].place=b"});
  REQUIRE(overridden.items[0].place == std::filesystem::current_path() / "b");
}

TEST_CASE("dump_sections: odd texts and numbers read back to the same values", "[config][unit]") {
  for (const std::string odd : {"",       "a b", "null", "~",     "yes",        "010",
                                "1e5",    "-",   "a: b", "#x",    "it's \"q\"", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
                                "[a, b]", "{x}", "a\\b", " lead", "trail ",     "%x",
                                "@x",     "&x",  "*x",   "!x",    "|",          ">",
                                "?",      "none"}) {
    Sample sample;
    sample.items = {{odd, "/folder/" + odd + "x"}};
    sample.rate = 1.0 / 3;
    sample.pair = {1e-300, -1.7976931348623157e308};
    sample.limit.reset();
    std::string text;
    for_each_written_field(sample, [&](std::string_view name, const auto& value, const FieldDoc& doc) {
      text += std::string(name) + ": " + value_text(value, doc) + "\n";
    });
    CAPTURE(odd, text);
    REQUIRE(read(text) == sample);
  }
  REQUIRE(scalar_text(1e-6) == "1.0e-06");
}

}  // namespace longclip
