// tests/src/tensors/shard_index_test.cpp -- the index of a checkpoint in several files: what it says, and what is refused.
#include "tensors/shard_index.h"

#include "base/error.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("Shard index: every file is named once, with its tensors", "[unit]") {
  const auto shards = parse_shard_index(
      R"({"metadata": {"total_size": 12}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}})",
      "index");
  CHECK(shards == std::map<std::string, std::vector<std::string>>{{"1.safetensors", {"a", "c"}},
                                                                  {"2.safetensors", {"b"}}});
}

TEST_CASE("Shard index: a file outside of the folder, or none at all, is refused by name", "[unit]") {
  for (const char* file : {"", ".", "..", "../model.safetensors", "/etc/passwd", "a\\\\b", "a\\u0000b"}) {
    CAPTURE(file);
    const std::string text = fmt::format(R"({{"weight_map": {{"a": "{}"}}}})", file);
    CHECK_THROWS_WITH(parse_shard_index(text, "x.json"), ContainsSubstring("x.json: the file of 'a' is not a file name"));
  }
  CHECK_THROWS_WITH(parse_shard_index(R"({"weight_map": {"a": 1}})", "x.json"),
                    ContainsSubstring("the file of 'a' must be text"));
  for (const char* text : {"[]", "{}", R"({"weight_map": []})", "1"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_shard_index(text, "x.json"), ContainsSubstring("x.json: has no weight_map"));
  }
  CHECK_THROWS_AS(parse_shard_index(R"({"weight_map": {"a": "1", "a": "2"}})", "x.json"), DataError);
}

TEST_CASE("Shard index: one of more tensors than any checkpoint has is refused by name and limit", "[unit]") {
  std::string text = R"({"weight_map": {"x": "1")";
  for (int i = 0; i < 100'000; ++i) text += fmt::format(R"(,"{}":"1")", i);
  CHECK_THROWS_WITH(parse_shard_index(text + "}}", "x.json"), "x.json: an object of more than 65536 keys is not read");
}

}  // namespace longclip
