// config/scalar_reader.cpp -- strict reading of bool, numbers, words, texts and paths.
#include "config/scalar_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace longclip {
namespace {

using Kind = ConfigNode::Kind;

std::string describe(const ConfigNode& node) {
  if (node.kind == Kind::kList) return "a list";
  if (node.kind == Kind::kMapping) return "a mapping";
  return node.quoted ? fmt::format("the text \"{}\"", node.text) : fmt::format("'{}'", node.text);
}

[[noreturn]] void fail_wanted(const ScalarField& field, const std::string& what) {
  const std::string or_word = field.word.empty() ? "" : fmt::format(" or `{}`", field.word);
  fail_at(field.node, field.key, fmt::format("{}{} is wanted, not {}", what, or_word, describe(field.node)));
}

void check_present(const ScalarField& field) {
  if (field.node.kind == Kind::kNull) fail_at(field.node, field.key, "no value; write one, or leave the key out");
}

size_t count_digits(std::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end - from;
}

// The text of an unquoted scalar without a leading '+'.
std::string_view number_text(const ScalarField& field, const char* wanted) {
  check_present(field);
  if (field.node.kind != Kind::kScalar || field.node.quoted) fail_wanted(field, wanted);
  std::string_view text = field.node.text;
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  return text;
}

void refuse_octal(const ScalarField& field, std::string_view text) {
  const size_t start = text.starts_with('-') ? 1 : 0;
  const size_t digits = count_digits(text, start);
  if (digits > 1 && text[start] == '0') {
    fail_at(field.node, field.key, fmt::format("'{}' looks octal; write it without the leading zero", field.node.text));
  }
}

// [-]digits[.digits][e[+-]digits], digits on at least one side of the point
bool is_decimal(std::string_view text) {
  size_t i = text.starts_with('-') ? 1 : 0;
  size_t digits = count_digits(text, i);
  i += digits;
  if (i < text.size() && text[i] == '.') {
    const size_t fraction = count_digits(text, i + 1);
    digits += fraction;
    i += 1 + fraction;
  }
  if (digits == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    const size_t exponent = count_digits(text, i);
    if (exponent == 0) return false;
    i += exponent;
  }
  return i == text.size();
}

bool is_infinity_or_nan(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (text.starts_with('-') || text.starts_with('+')) text.erase(0, 1);
  if (text.starts_with('.')) text.erase(0, 1);
  return text == "inf" || text == "infinity" || text == "nan";
}

// Insertions, deletions, substitutions; a swap of neighbours counts as one.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

bool read_bool(const ScalarField& field) {
  check_present(field);
  const bool plain = field.node.kind == Kind::kScalar && !field.node.quoted;
  if (plain && field.node.text == "true") return true;
  if (plain && field.node.text == "false") return false;
  fail_wanted(field, "true or false");
}

int64_t read_integer(const ScalarField& field) {
  const std::string_view text = number_text(field, "a whole number");
  const size_t start = text.starts_with('-') ? 1 : 0;
  if (start == text.size() || count_digits(text, start) != text.size() - start) fail_wanted(field, "a whole number");
  refuse_octal(field, text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc())
    fail_at(field.node, field.key, fmt::format("'{}' does not fit into 64 bits", field.node.text));
  return value;
}

double read_number(const ScalarField& field) {
  const std::string_view text = number_text(field, "a number");
  if (is_infinity_or_nan(field.node.text))
    fail_at(field.node, field.key, fmt::format("must be finite, not '{}'", field.node.text));
  if (!is_decimal(text)) fail_wanted(field, "a number");
  refuse_octal(field, text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) {
    fail_at(field.node, field.key, fmt::format("'{}' is outside the range of numbers", field.node.text));
  }
  return value;
}

std::string read_text(const ScalarField& field) {
  check_present(field);
  if (field.node.kind != Kind::kScalar) fail_wanted(field, "a text");
  const bool control =
      std::ranges::any_of(field.node.text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control) fail_at(field.node, field.key, "holds a line break or another control character");
  return field.node.text;
}

std::filesystem::path read_path(const ScalarField& field, const std::filesystem::path& folder) {
  const std::string text = read_text(field);
  if (text.empty()) fail_at(field.node, field.key, "a path is wanted, not an empty text");
  return resolve_path(folder, text);
}

size_t read_word(const ScalarField& field, std::span<const std::string_view> words) {
  check_present(field);
  if (field.node.kind == Kind::kScalar) {
    const auto found = std::ranges::find(words, field.node.text);
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
  }
  const std::string_view near = nearest_word(field.node.text, words);
  fail_at(field.node, field.key,
          fmt::format("must be one of {}, not {}{}", fmt::join(words, ", "), describe(field.node),
                      near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

std::filesystem::path resolve_path(const std::filesystem::path& folder, const std::filesystem::path& path) {
  const std::filesystem::path whole = (folder / path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();  // "a/b/" -> "a/b"
}

std::string_view nearest_word(std::string_view wrong, std::span<const std::string_view> words) {
  if (wrong.size() > 64) return "";
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, wrong.size() / 3) + 1;
  for (const std::string_view word : words) {
    const size_t distance = edit_distance(wrong, word);
    if (distance < best_distance && distance < word.size()) {
      best = word;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace longclip
