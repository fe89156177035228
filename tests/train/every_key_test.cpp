// tests/train/every_key_test.cpp -- every key of every section arrives in the struct. The keys, and for each a value that is
// not its default, come from the lists of fields, so that a new key is tested without being added here.
#include <type_traits>

#include "config/field_types.h"
#include "config/section_writer.h"
#include "support/catch.h"
#include "support/reference_data.h"
#include "train/run_config.h"

namespace longclip {
namespace {

// Values to try, in YAML; the first that is not the default and passes the ranges is used.
template <class T> std::vector<std::string> candidates(const FieldDoc& doc) {
  if constexpr (std::is_same_v<T, bool>) {
    return {"true", "false"};
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return {"7", "8"};
  } else if constexpr (std::is_same_v<T, double>) {
    return {"0.25", "0.75", "5.5"};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return {"other-name", "\"eval_val_long_i2t_R@1\""};
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return {"/other/path"};
  } else if constexpr (std::is_enum_v<T>) {
    std::vector<std::string> texts;
    for (const std::string_view word : enum_words<T>()) texts.push_back(word_text(word));
    return texts;
  } else if constexpr (is_optional<T>) {
    auto texts = candidates<typename T::value_type>(doc);
    texts.emplace_back(doc.empty);
    return texts;
  } else if constexpr (is_array<T>) {
    return {std::is_same_v<typename T::value_type, int64_t> ? "[7, 8]" : "[0.25, 0.75]"};
  } else {
    static_assert(is_vector<T>);
    return {"[" + candidates<typename T::value_type>(doc)[0] + "]"};
  }
}

struct Key {
  std::string name;  // "loss.pcm.side"
  std::string default_text;
  std::vector<std::string> texts;
};

template <ConfigSection T> void list_keys(const T& defaults, const std::string& prefix, std::vector<Key>& keys) {
  T::fields(defaults, [&](std::string_view name, const auto& value, const FieldDoc& doc) {
    using Field = std::decay_t<decltype(value)>;
    const std::string key = prefix + std::string(name);
    if constexpr (ConfigSection<Field>) {
      list_keys(value, key + ".", keys);
    } else if constexpr (is_section_list<Field>) {
      list_keys(value.at(0), key + "[0].", keys);
    } else {
      keys.push_back({key, value_text(value, doc), candidates<Field>(doc)});
    }
  });
}

// Everything that is required, and one entry in every list, so that each key of an entry can be set.
constexpr const char* kBase =
    "run: {name: x, dir: /run}\nmodel: {init: m}\ndata: {train: [{format: triples, path: p}]}\n"
    "eval: {retrieval: [{name: val, format: triples, path: p}], zeroshot: [{name: val, path: p}]}\n";

std::string value_of(const RunConfig& config, const std::string& key) {
  std::vector<Key> keys;
  list_keys(config, "", keys);
  for (const Key& found : keys) {
    if (found.name == key) return found.default_text;
  }
  return "absent";
}

// Texts of all keys but `key` and those that it excludes.
std::string all_but(const RunConfig& config, const std::string& key) {
  std::vector<Key> keys;
  list_keys(config, "", keys);
  std::string text;
  for (const Key& other : keys) {
    if (other.name != key) text += other.name + "=" + other.default_text + "\n";
  }
  return text;
}

// Keys that only one format has are set together with it: "data.train[0].format=csv".
std::vector<std::string> companions_of(const std::string& key) {
  const size_t dot = key.rfind('.');
  const std::string list = key.substr(0, dot), name = key.substr(dot + 1);
  const bool is_csv = name == "separator" || name == "image_column" || name == "long_column" || name == "short_column";
  if (is_csv) return {list + ".format=csv"};
  if (name == "split") return {list + ".format=flickr"};
  return {};
}

}  // namespace

TEST_CASE("RunConfig: every key takes a value that is not its default, alone, and keeps it when written",
          "[train][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "base.yaml", kBase);
  std::vector<Key> keys;
  list_keys(load_run_config(folder / "base.yaml"), "", keys);
  REQUIRE(keys.size() > 50);
  for (const Key& key : keys) {
    CAPTURE(key.name, key.default_text);
    std::vector<std::string> overrides = companions_of(key.name);
    const RunConfig base = load_run_config(folder / "base.yaml", overrides);
    overrides.emplace_back();
    bool arrived = false;
    for (const std::string& text : key.texts) {
      if (text == key.default_text) continue;
      RunConfig config;
      try {
        overrides.back() = key.name + "=" + text;
        config = load_run_config(folder / "base.yaml", overrides);
      } catch (const std::exception& error) {
        UNSCOPED_INFO(error.what());  // out of range: the next candidate
        continue;
      }
      CAPTURE(text);
      REQUIRE(value_of(config, key.name) == text);
      REQUIRE(all_but(config, key.name) == all_but(base, key.name));
      test::write_text(folder / "written.yaml", dump_config(config));
      REQUIRE(load_run_config(folder / "written.yaml") == config);
      arrived = true;
      break;
    }
    REQUIRE(arrived);
  }
}

TEST_CASE("RunConfig: the effective config names every key", "[train][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "base.yaml", kBase);
  const RunConfig base = load_run_config(folder / "base.yaml");
  std::vector<Key> keys;
  list_keys(base, "", keys);
  const std::string dump = dump_config(base);
  for (const Key& key : keys) {
    const std::string last = key.name.substr(key.name.find_last_of('.') + 1);
    CAPTURE(key.name);
    REQUIRE_THAT(dump, ContainsSubstring(last + ": " + key.default_text));
  }
}

TEST_CASE("RunConfig: a file that holds a key gives what --set gives", "[train][unit]") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "base.yaml", kBase);
  test::write_text(
      folder / "full.yaml",
      std::string(kBase) + "optim: {lr: 0.25, betas: [0.25, 0.75]}\nloss: {pcm: {side: text, energy: 0.25}}\n");
  const RunConfig by_file = load_run_config(folder / "full.yaml");
  REQUIRE(by_file == load_run_config(folder / "base.yaml", {"optim.lr=0.25", "optim.betas=[0.25, 0.75]",
                                                            "loss.pcm.side=text", "loss.pcm.energy=0.25"}));
}

}  // namespace longclip
