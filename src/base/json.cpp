// base/json.cpp -- nlohmann's parser with duplicate-key and depth checks in the same pass.
#include "base/json.h"

#include <cstdlib>
#include <set>
#include <vector>

#include "base/error.h"

namespace longclip {
namespace {

/// Refuses what nlohmann takes: deep nesting and duplicate keys. Called for every event, so that one pass does it all.
class Checker {
 public:
  explicit Checker(int max_depth) : max_depth_(max_depth) {}
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    require<DataError>(!opens || depth < max_depth_, "nested deeper than {}", max_depth_);
    if (event == Json::parse_event_t::key) check_key(parsed.get_ref<const std::string&>());
    return true;
  }

 private:
  void check_key(const std::string& name) {
    require<DataError>(keys_.back().insert(name).second, "duplicate key '{}'", name);
  }

  int max_depth_;
  std::vector<std::set<std::string>> keys_;  // [open object]
};

/// "[json.exception.parse_error.101] parse error at line 1, column 2: ..." -> from "parse error" on
std::string reason_of(const Json::exception& error) {
  const std::string text = error.what();
  const size_t start = text.find("] ");
  return start == std::string::npos ? text : text.substr(start + 2);
}

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
  const auto check = [&checker](int depth, Json::parse_event_t event, const Json& parsed) {
    return checker(depth, event, parsed);
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::exception& error) {
    fail<DataError>("{}: {}", where, reason_of(error));
  } catch (const DataError& error) {
    fail<DataError>("{}: {}", where, error.what());
  }
}

std::string to_json_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace longclip
