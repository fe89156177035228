// tests/train/source_spec_test.cpp -- train/source_spec.h
#include "train/source_spec.h"

#include "base/error.h"
#include "data/formats/index_cache.h"
#include "support/catch.h"

namespace longclip {

TEST_CASE("parse_source_spec: the short form and the mapping give the same source", "[train][unit]") {
  const auto here = std::filesystem::current_path();
  const SourceConfig source = parse_source_spec("triples:a/b=c.jsonl,images=photos,limit=10");
  REQUIRE(source.format == SourceFormat::kTriples);
  REQUIRE(source.path == here / "a" / "b=c.jsonl");
  REQUIRE(source.images == std::vector{here / "photos"});
  REQUIRE(source.limit == 10);
  REQUIRE(parse_source_spec("{format: triples, path: a/b=c.jsonl, images: photos, limit: 10}") == source);
  REQUIRE(source.cache_dir == default_cache_dir());
  REQUIRE(parse_source_spec("sharegpt4v:a.json,split=val,skip=3").skip == 3);
  const SourceConfig table = parse_source_spec("{format: csv, path: a.csv, images: [a, b], separator: \"\\t\", short_column: s}");
  REQUIRE(table.images == std::vector{here / "a", here / "b"});
  REQUIRE(table.separator == CsvSeparator::kTab);
  REQUIRE(parse_source_spec("csv:a.csv,separator=;,long_column=text").separator == CsvSeparator::kSemicolon);
  REQUIRE(parse_source_spec("csv:a.csv,separator=\\t").separator == CsvSeparator::kTab);
  REQUIRE(parse_source_spec("triples:/abs.jsonl").images == std::vector{here});
  REQUIRE(parse_source_spec("triples:C:/x.jsonl").path == here / "C:" / "x.jsonl");
  REQUIRE(parse_source_spec("{format: triples, path: \"a,b.jsonl\"}").path == here / "a,b.jsonl");
}

TEST_CASE("parse_source_spec: every mistake is an error that shows the spec and the key", "[train][unit]") {
  for (const auto& [spec, says] : {std::pair{"rows.jsonl", "FORMAT:PATH"},
                                   {"tripels:x.jsonl", "did you mean 'triples'"},
                                   {"triples:", "path: a path is wanted"},
                                   {"triples:x,y.jsonl", "'y.jsonl' is not KEY=VALUE"},
                                   {"triples:x,limt=3", "unknown key 'limt'; did you mean 'limit'"},
                                   {"triples:x,limit=010", "limit: '010' looks octal"},
                                   {"triples:x,limit=0", "limit: must be at least 1"},
                                   {"triples:x,limit=", "limit: a whole number"},
                                   {"triples:x,images=", "images: a path is wanted"},
                                   {"triples:x,path=y", "duplicate key 'path'"},
                                   {"{format: triples}", "path: is missing"},
                                   {"{format: triples, path: x", "not YAML"},
                                   {"{format: triples, path: x, path: y}", "duplicate"},
                                   {"triples:x,separator=;", "separator: is for the format csv"},
                                   {"triples:x,split=val", "split: is for the formats sharegpt4v and flickr"},
                                   {"sharegpt4v:x,split=test", "split: must be train or val"},
                                   {"csv:x,separator=|", "separator: must be one of auto"},
                                   {"{format: csv, path: x, images: []}", "images: the list is empty"},
                                   {"", "FORMAT:PATH"}}) {
    CAPTURE(spec);
    REQUIRE_THROWS_WITH(parse_source_spec(spec), ContainsSubstring(spec) && ContainsSubstring(says));
  }
}

}  // namespace longclip
