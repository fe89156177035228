// base/json.cpp -- nlohmann's SAX parser with duplicate-key and depth checks.
#include "base/json.h"

#include <cstdlib>
#include <set>
#include <vector>

#include "base/error.h"

namespace longclip {
namespace {

/// Checks nesting and duplicate keys; builds nothing. The value is built by nlohmann in a second pass.
class Checker : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(int max_depth) : max_depth_(max_depth) {}
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    keys_.emplace_back();
    return deeper();
  }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    reason = "duplicate key '" + name + "'";
    return false;
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    reason = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..." -> from "parse error" on
    if (const auto start = reason.find("] "); start != std::string::npos) reason.erase(0, start + 2);
    return false;
  }

  std::string reason;

 private:
  bool deeper() {
    if (++depth_ <= max_depth_) return true;
    reason = "nested deeper than " + std::to_string(max_depth_);
    return false;
  }
  int max_depth_;
  int depth_ = 0;
  std::vector<std::set<std::string>> keys_;  // [open object]
};

int hex4(std::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int value = 0;
  for (size_t i = at + 2; i < at + 6; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/// Replaces escaped lone surrogates by \ufffd; pairs stay.
std::string repair_lone_surrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    const int unit = hex4(text, i);
    if (unit >= 0xD800 && unit <= 0xDBFF && hex4(text, i + 6) >= 0xDC00 && hex4(text, i + 6) <= 0xDFFF) {
      out.append(text.substr(i, 12));
      i += 12;
    } else if (unit >= 0xD800 && unit <= 0xDFFF) {
      out += "\\ufffd";
      i += 6;
    } else {  // any other escape: copy the backslash with what it escapes
      out.append(text.substr(i, 2));
      i += 2;
    }
  }
  return out;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits) {
  std::string repaired;
  if (limits.repair_surrogates && text.find("\\u") != std::string_view::npos) {
    repaired = repair_lone_surrogates(text);
    text = repaired;
  }
  Checker checker(limits.max_depth);
  if (!Json::sax_parse(text, &checker)) fail<DataError>("{}: {}", where, checker.reason);
  return Json::parse(text);
}

std::string to_json_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace longclip
