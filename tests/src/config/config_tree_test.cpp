// tests/src/config/config_tree_test.cpp -- config/config_tree.h
#include "config/config_tree.h"

#include "base/error.h"
#include "support/catch.h"

namespace longclip {
namespace {

using Kind = ConfigNode::Kind;

ConfigNode parse(const std::string& text) { return parse_yaml(text, {"x.yaml", "/folder"}); }

}  // namespace

TEST_CASE("parse_yaml: every value knows its line and column, and whether it was quoted", "[config][unit]") {
  const ConfigNode root = parse("a: 1\nb:\n  - \"two\"\n  - {c: three}\n");
  REQUIRE(root.find("a")->where() == "x.yaml:1:4");
  const ConfigNode* list = root.find("b");
  REQUIRE(list->kind == Kind::kList);
  REQUIRE(list->entries[0].quoted);
  REQUIRE_FALSE(root.find("a")->quoted);
  REQUIRE(list->entries[1].find("c")->where() == "x.yaml:4:9");
}

TEST_CASE("parse_yaml: a value that is missing stands where its key stands", "[config][unit]") {
  const ConfigNode root = parse("a:\n\n\nb: 1\n");
  REQUIRE(root.find("a")->kind == Kind::kNull);
  REQUIRE(root.find("a")->where() == "x.yaml:1:1");
}

TEST_CASE("parse_yaml: a duplicate key is named with its section and list index", "[config][unit]") {
  REQUIRE_THROWS_WITH(parse("s:\n  l: [{}, {k: 1, k: 2}]\n"),
                      ContainsSubstring("x.yaml:2:18") && ContainsSubstring("'s.l[1].k'"));
  REQUIRE_THROWS_WITH(parse("a: {b: {}, \"b\": {}}"), ContainsSubstring("duplicate key 'a.b'"));
  REQUIRE_NOTHROW(parse("a: {a: 1}\nb: {a: 1}"));
}

TEST_CASE("parse_yaml: what would be lost in silence is an error with its place", "[config][unit]") {
  REQUIRE_THROWS_WITH(parse("a: &x {b: 1}\nc:\n  <<: *x\n"),
                      ContainsSubstring("x.yaml:3:3") && ContainsSubstring("c.<<"));
  REQUIRE_THROWS_WITH(parse("a: 1\n---\nb: 1\n"),
                      ContainsSubstring("x.yaml:2:1") && ContainsSubstring("second document"));
  REQUIRE_THROWS_WITH(parse("a: 1\n...\nb: 1\n"), ContainsSubstring("second document"));
  REQUIRE_THROWS_WITH(parse("a: !!int \"4\"\n"), ContainsSubstring("tags are not read"));
  REQUIRE_THROWS_WITH(parse("a:\n\t b: 1\n"), ContainsSubstring("x.yaml:2:1") && ContainsSubstring("tab"));
  REQUIRE_THROWS_WITH(parse("? [a]\n: 1\n"), ContainsSubstring("a key must be a word"));
  REQUIRE_THROWS_WITH(parse("~: 1\n"), ContainsSubstring("a key must be a word"));
  REQUIRE_THROWS_WITH(parse("a: 1\n\x04"
                            "b: 2\n"),
                      ContainsSubstring("x.yaml:2:1") && ContainsSubstring("control character 0x04"));
  REQUIRE_THROWS_WITH(parse(std::string("a: 1\0\n", 6)), ContainsSubstring("control character"));
  REQUIRE_THROWS_WITH(parse("a: \xff\n"), ContainsSubstring("UTF-8"));
  REQUIRE_THROWS_WITH(parse("a: {b: 1\n"), ContainsSubstring("not YAML"));
}

TEST_CASE("parse_yaml: a byte-order mark, CRLF, comments and tabs after a value are harmless", "[config][unit]") {
  const ConfigNode root = parse("\xEF\xBB\xBF---\r\na: {b: 1,\tc: two}\t# comment\r\n");
  REQUIRE(root.find("a")->find("b")->text == "1");
  REQUIRE(root.find("a")->find("c")->text == "two");
}

TEST_CASE("parse_yaml: anchors are copied where they are named, within a bound", "[config][unit]") {
  const ConfigNode root = parse("a: &x [1, 2]\nb: *x\n");
  REQUIRE(root.find("b")->entries.size() == 2);
  REQUIRE(root.find("b")->where() == "x.yaml:2:4");
  std::string bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string one = "*a" + std::to_string(i - 1);
    bomb += fmt::format("a{0}: &a{0} [{1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}]\n", i, one);
  }
  REQUIRE_THROWS_WITH(parse(bomb), ContainsSubstring("more than 20000 values"));
  REQUIRE_THROWS_AS(parse("a: &x [*x]\n"), ConfigError);
  REQUIRE_THROWS_AS(parse("a: *unknown\n"), ConfigError);
}

TEST_CASE("parse_yaml: deep nesting and floods of brackets are refused", "[config][unit]") {
  for (const std::string piece : {"[", "{a: ", "- ", "? ", "a: ["}) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += piece;
    CAPTURE(piece);
    REQUIRE_THROWS_AS(parse(text), ConfigError);
  }
}

TEST_CASE("apply_override: replaces a value, adds a section and reaches into a list", "[config][unit]") {
  ConfigNode root = parse("optim: {lr: 1}\ndata: {train: [{path: a}, {path: b}]}\n");
  apply_override(root, "optim.lr=2e-6", 1);
  apply_override(root, "loss.pcm.side=text", 2);
  apply_override(root, "data.train[1].path=c=d", 3);
  apply_override(root, "optim.betas=[0.8, 0.9]", 4);
  REQUIRE(root.find("optim")->find("lr")->text == "2e-6");
  REQUIRE(root.find("optim")->find("betas")->entries.size() == 2);
  REQUIRE(root.find("loss")->find("pcm")->find("side")->text == "text");
  REQUIRE(root.find("data")->find("train")->entries[1].find("path")->text == "c=d");
  REQUIRE(root.find("optim")->find("lr")->where() == "--set optim.lr=2e-6");
}

TEST_CASE("apply_override: what is not KEY=VALUE or names no place is an error that shows the override",
          "[config][unit]") {
  for (const std::string bad :
       {"optim.lr", "=1", "optim..lr=1", "optim.=1", "data.train[5].path=x", "data.train[x].path=x", "data.train[0=x",
        "data.train[99999999999999999999].path=x", "optim.lr.deep=1", "optim lr=1", "optim[0]=1", "optim.lr=[1"}) {
    ConfigNode root = parse("optim: {lr: 1}\ndata: {train: [{path: a}]}\n");
    CAPTURE(bad);
    REQUIRE_THROWS_WITH(apply_override(root, bad, 1), ContainsSubstring("--set " + bad));
  }
}

}  // namespace longclip
