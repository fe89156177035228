// tests/data/class_folders_test.cpp -- which pictures and names a folder of folders gives.
#include "data/class_folders.h"

#include "base/error.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

std::vector<std::string> below(const fs::path& folder, const std::vector<PictureEntry>& pictures) {
  std::vector<std::string> names;
  for (const PictureEntry& picture : pictures) names.push_back(fs::path(picture.name).lexically_relative(folder).string());
  return names;
}

ClassNames names_from(const std::string& file, const std::string& text, const std::vector<std::string>& folders) {
  const test::TemporaryFolder folder;
  test::write_text(folder / file, text);
  return read_class_names(folder / file, folders);
}

}  // namespace

TEST_CASE("ClassFolders: every folder is a class, in order, with the pictures at any depth", "[data][unit]") {
  const test::TemporaryFolder folder;
  for (const char* file : {"b_x/2.png", "b_x/deep/1.JPG", "b_x/notes.txt", "a/1.png", "a/.hidden.png", ".trash/1.png", "c/.d/1.png", "c/z.webp", "1.png"})
    test::write_text(folder / file, "");
  const ClassFolders all = load_class_folders(folder.path(), {});
  REQUIRE(all.folders == std::vector<std::string>{"a", "b_x", "c"});
  REQUIRE(below(folder.path(), all.pictures) == std::vector<std::string>{"a/1.png", "b_x/2.png", "b_x/deep/1.JPG", "c/z.webp"});
  REQUIRE(all.class_of_picture == std::vector<int64_t>{0, 1, 1, 2});
  const ClassFolders first = load_class_folders(folder.path(), 1);
  REQUIRE(below(folder.path(), first.pictures) == std::vector<std::string>{"a/1.png", "b_x/2.png", "c/z.webp"});
  REQUIRE(first.class_of_picture == std::vector<int64_t>{0, 1, 2});
}

TEST_CASE("ClassFolders: no folder, no class and a class without pictures are errors with their place", "[data][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "a/1.png", "");
  test::write_text(folder / "b/1.txt", "");
  REQUIRE_THROWS_WITH(load_class_folders(folder / "none", {}), ContainsSubstring("none: no such folder"));
  REQUIRE_THROWS_WITH(load_class_folders(folder / "a", {}), ContainsSubstring("a: holds no folder"));
  REQUIRE_THROWS_WITH(load_class_folders(folder.path(), {}), ContainsSubstring("/b: the folder of this class holds no picture"));
}

TEST_CASE("ClassFolders: folders name their classes, ImageNet's by what CLIP calls them", "[data][unit]") {
  REQUIRE(names_of_folders({"aquarium_fish", "n01440764", "n99999999"}) == ClassNames{{"aquarium fish"}, {"tench"}, {"n99999999"}});
}

TEST_CASE("ClassFolders: a file of names is lines, a list or an object", "[data][unit]") {
  const std::vector<std::string> folders{"0", "1"};
  const ClassNames expected{{"cat"}, {"sea lion"}};
  REQUIRE(names_from("names.txt", "cat\r\n\nsea lion", folders) == expected);
  REQUIRE(names_from("names.json", R"(["cat", "sea lion"])", folders) == expected);
  REQUIRE(names_from("names.json", R"({"2": "more", "1": "sea lion", "0": "cat"})", folders) == expected);
  REQUIRE(names_from("names.JSON", R"({"0": ["cat", "kitten"], "1": "sea lion"})", folders) == ClassNames{{"cat", "kitten"}, {"sea lion"}});
}

TEST_CASE("ClassFolders: names that do not fit the folders are errors that say what is wrong", "[data][unit]") {
  const std::vector<std::string> folders{"0", "1"};
  for (const auto& [file, text, says] : {std::tuple{"n.txt", "cat\n", "n.txt: names 1 classes, but there are 2 folders (0 to 1)"},
                                         {"n.txt", "a\nb\nc\n", "names 3 classes"},
                                         {"n.json", "[\"cat\"]", "names 1 classes"},
                                         {"n.json", "{\"0\": \"cat\"}", "n.json: has no name for the folder '1'"},
                                         {"n.json", "{\"0\": \"cat\", \"1\": []}", "n.json: '1': the list of names is empty"},
                                         {"n.json", "{\"0\": \"cat\", \"1\": 3}", "n.json: '1': must be a name"},
                                         {"n.json", "[\"cat\", \" \"]", "n.json: entry 1: must be a name"},
                                         {"n.json", "3", "must be a list of names, or an object"},
                                         {"n.json", "{", "n.json: parse error"}}) {
    CAPTURE(text);
    REQUIRE_THROWS_AS(names_from(file, text, folders), DataError);
    REQUIRE_THROWS_WITH(names_from(file, text, folders), ContainsSubstring(says));
  }
}

}  // namespace longclip
