// tests/e2e/search_test.cpp -- longclip search: what is found in encoded features, and what is refused.
#include <sstream>

#include "program.h"
#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

Json parse(const std::string& text) { return parse_json(text, "output"); }

/// Features of two red pictures, a blue one and a broken one, and of two texts, in `folder`.
void encode_some(const fs::path& folder) {
  write_red_png(folder / "pictures/red.png");
  write_red_png(folder / "pictures/red_too.png");
  write_blue_png(folder / "pictures/blue.png");
  write_text(folder / "pictures/broken.png", "no picture");
  write_text(folder / "texts.txt", "a cat\na dog\n");
  const std::string command = "encode " + stretched_model() + " --images pictures --keep-going --overwrite ";
  run_well(command + "--texts texts.txt --out f.safetensors", folder);
  run_well(command + "--out f.npy", folder);
}

std::vector<std::string> names(const Json& answer, const std::string& kind) {
  std::vector<std::string> result;
  for (const Json& entry : answer.at("results")) result.push_back(entry.at(kind).get<std::string>());
  return result;
}

}  // namespace

TEST_CASE("search: a picture finds itself first, equal ones in the order of their rows, a broken one never", "[e2e]") {
  const TemporaryFolder folder;
  encode_some(folder.path());
  for (const std::string file : {"f.safetensors", "f.npy"}) {
    CAPTURE(file);
    const Json blue = parse(run_well("search " + file + " --image pictures/blue.png --json", folder.path()));
    REQUIRE(names(blue, "image") == std::vector<std::string>{"pictures/blue.png", "pictures/red.png", "pictures/red_too.png"});
    REQUIRE(blue.at("image") == "pictures/blue.png");
    REQUIRE(blue.at("results")[0].at("rank") == 1);
    REQUIRE(blue.at("results")[0].at("row") == 0);
    REQUIRE(blue.at("results")[0].at("score").get<double>() > 1 - 1e-5);
    REQUIRE(blue.at("results")[1].at("row") == 2);
    REQUIRE(blue.at("results")[1].at("score").get<double>() < 1 - 1e-5);
  }
}

TEST_CASE("search: several texts, a list and stdin are answered one after the other", "[e2e]") {
  const TemporaryFolder folder;
  encode_some(folder.path());
  const std::string all = run_well("search f.safetensors --text 'a cat' --text 'a red square' --texts - --top 2 --json < texts.txt", folder.path());
  std::istringstream lines(all);
  std::vector<std::string> queries;
  for (std::string line; std::getline(lines, line);) {
    const Json answer = parse(line);
    queries.push_back(answer.at("text").get<std::string>());
    REQUIRE(answer.at("results").size() == 2);
  }
  REQUIRE(queries == std::vector<std::string>{"a cat", "a red square", "a cat", "a dog"});
  const std::string table = run_well("search f.safetensors --text 'a cat' --top 1", folder.path());
  REQUIRE_THAT(table, ContainsSubstring("a cat\n    1  ") && ContainsSubstring("pictures/"));
  const Json texts = parse(run_well("search f.safetensors --among texts --text 'a dog' --json", folder.path()));
  REQUIRE(names(texts, "text") == std::vector<std::string>{"a dog", "a cat"});
}

TEST_CASE("search: the weights count, not the file they are in", "[e2e]") {
  const TemporaryFolder folder;
  encode_some(folder.path());
  fs::copy_file(stretched_model(), folder / "copy.safetensors");
  run_well("search f.safetensors --text 'a cat' --model copy.safetensors", folder.path());
  const CommandResult other = run_longclip("search f.safetensors --text 'a cat' --model " + unstretched_model(), folder.path());
  REQUIRE(other.exit_code == 2);
  REQUIRE_THAT(other.err, ContainsSubstring("with other weights") && ContainsSubstring(unstretched_model()));
  REQUIRE(other.out.empty());
}

TEST_CASE("search: features without names or model are searched by row with a model that is given", "[e2e]") {
  const TemporaryFolder folder;
  encode_some(folder.path());
  fs::remove(folder / "f.json");
  REQUIRE_THAT(run_longclip("search f.npy --text 'a cat'", folder.path()).err, ContainsSubstring("give it with --model"));
  const CommandResult found = run_longclip("search f.npy --image pictures/blue.png --top 1 --model " + stretched_model(), folder.path());
  REQUIRE(found.exit_code == 0);
  REQUIRE_THAT(found.out, ContainsSubstring("row 0"));
  REQUIRE_THAT(found.err, ContainsSubstring("is not checked"));
}

TEST_CASE("search: what cannot be searched is named", "[e2e]") {
  const TemporaryFolder folder;
  encode_some(folder.path());
  write_text(folder / "bad.json", "{\"images\": [\"one\"]}");
  fs::copy_file(folder / "f.npy", folder / "bad.npy");
  for (const auto& [arguments, says] : {std::pair<std::string, std::string>{"f.safetensors", "nothing to search for"},
                                        {"gone.safetensors --text a", "gone.safetensors"},
                                        {"texts.txt --text a", "texts.txt: not a safetensors file"},
                                        {stretched_model() + " --text a", "holds neither image_features nor text_features"},
                                        {"bad.npy --text a", "4 rows, but 1 names"},
                                        {"f.npy --text a --among texts", "holds no features of texts"},
                                        {"f.npy --image gone.png", "gone.png"},
                                        {"f.npy --text a --model gone", "gone: no such checkpoint"}}) {
    const CommandResult result = run_longclip("search " + arguments, folder.path());
    CAPTURE(arguments, result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
  }
}

}  // namespace longclip::test
