// data/formats/path_pattern.cpp -- see data/formats/path_pattern.h
#include "data/formats/path_pattern.h"

#include <glob.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "base/error.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxNames = 1'000'000;

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 12 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

uint64_t number_of(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// What stands for the inside of one pair of braces.
std::vector<std::string> alternatives(const std::string& inside, const std::string& pattern) {
  std::vector<std::string> words;
  if (const size_t dots = inside.find(".."); dots != std::string::npos) {
    const std::string first = inside.substr(0, dots), last = inside.substr(dots + 2);
    const bool is_range = is_number(first) && is_number(last) && number_of(first) <= number_of(last);
    require<InputError>(is_range && number_of(last) - number_of(first) < kMaxNames,
                        "{}: '{{{}}}' is not a range like {{000000..000123}}", pattern, inside);
    for (uint64_t i = number_of(first); i <= number_of(last); ++i)
      words.push_back(fmt::format("{:0{}}", i, first.size()));
    return words;
  }
  require<InputError>(inside.find(',') != std::string::npos,
                      "{}: '{{{}}}' is neither a range {{0..9}} nor a list {{a,b}}", pattern, inside);
  for (size_t at = 0; at <= inside.size();) {
    const size_t end = std::min(inside.find(',', at), inside.size());
    words.push_back(inside.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::vector<std::string> expand_braces(const std::string& pattern) {
  std::vector<std::string> done = {""};
  for (size_t at = 0; at < pattern.size();) {
    const size_t open = std::min(pattern.find('{', at), pattern.size());
    for (std::string& name : done) name += pattern.substr(at, open - at);
    if (open == pattern.size()) break;
    const size_t close = pattern.find('}', open);
    require<InputError>(close != std::string::npos, "{}: a '{{' is never closed", pattern);
    const auto words = alternatives(pattern.substr(open + 1, close - open - 1), pattern);
    require<InputError>(done.size() * words.size() <= kMaxNames, "{}: stands for more than {} files", pattern,
                        kMaxNames);
    std::vector<std::string> next;
    for (const std::string& name : done) {
      for (const std::string& word : words) next.push_back(name + word);
    }
    done = std::move(next);
    at = close + 1;
  }
  return done;
}

std::vector<std::string> expand_wildcards(const std::string& pattern) {
  if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
  glob_t found{};
  const int code = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);  // its order depends on the language
  std::vector<std::string> names;
  for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i) names.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  require<InputError>(!names.empty(), "{}: no file matches", pattern);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<fs::path> expand_pattern(const fs::path& pattern) {
  std::error_code ignored;
  if (fs::exists(pattern, ignored)) return {pattern};
  std::vector<fs::path> files;
  for (const std::string& name : expand_braces(pattern.string())) {
    for (std::string& file : expand_wildcards(name)) files.emplace_back(std::move(file));
  }
  return files;
}

}  // namespace longclip
