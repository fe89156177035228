// base/json.cpp -- builds the value from nlohmann's events: its own builders search all keys, or all neighbours, for each.
#include "base/json.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace longclip {
namespace {

constexpr size_t kShownBytes = 300;  // of a stranger's text in an error

/// "[json.exception.parse_error.101] parse error at line 1, column 2: ..." -> from "parse error" on
std::string reason_of(const Json::exception& error) {
  const std::string text = error.what();
  const size_t start = text.find("] ");
  std::string reason = start == std::string::npos ? text : text.substr(start + 2);
  if (reason.size() > kShownBytes) reason.replace(kShownBytes, std::string::npos, "...");
  return reason;
}

/// Makes the value, in one pass and in proportion to the text. Refuses what nlohmann takes: deep nesting, duplicate keys, and
/// more keys or values than the limits.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}
  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(int64_t value) override { return put(value); }
  bool number_unsigned(uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string& /*text*/) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(Json::binary_t& value) override { return put(std::move(value)); }
  bool start_array(size_t /*elements*/) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool start_object(size_t /*elements*/) override { return open(Json::object()); }
  bool key(std::string& name) override {
    auto& members = open_.back()->get_ref<Json::object_t&>();
    require<DataError>(members.size() < limits_.max_keys, "an object of more than {} keys is not read", limits_.max_keys);
    members.emplace_back(std::move(name), nullptr);
    return true;
  }
  bool end_object() override {
    check_keys(open_.back()->get_ref<const Json::object_t&>());
    return close();
  }
  bool parse_error(size_t /*position*/, const std::string& /*token*/, const Json::exception& error) override {
    fail<DataError>("{}", reason_of(error));
  }

 private:
  Json* place(Json value) {
    require<DataError>(++num_values_ <= limits_.max_values, "more than {} values are not read", limits_.max_values);
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.get_ref<Json::array_t&>().emplace_back(std::move(value));
    return &(parent.get_ref<Json::object_t&>().back().second = std::move(value));
  }
  bool put(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    require<DataError>(std::ssize(open_) < limits_.max_depth, "nested deeper than {}", limits_.max_depth);
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  static void check_keys(const Json::object_t& members) {
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto& [name, value] : members) names.push_back(name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    require<DataError>(twice == names.end(), "duplicate key '{}'", twice == names.end() ? "" : twice->substr(0, kShownBytes));
  }

  const JsonLimits& limits_;
  Json root_;
  std::vector<Json*> open_;  // arrays and objects; each is the last of the one before, so that none of them moves
  size_t num_values_ = 0;
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
  try {
    Builder builder(limits);
    Json::sax_parse(text, &builder);
    return builder.take();
  } catch (const DataError& error) {
    fail<DataError>("{}: {}", where, error.what());
  }
}

std::string to_json_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace longclip
