#pragma once
// base/json.h -- JSON from strangers: strict, no duplicate keys, bounded depth; and JSON that is always valid.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace longclip {

using Json = nlohmann::ordered_json;

/// What reading tolerates.
struct JsonLimits {
  int max_depth = 64;
  /// A lone half of a surrogate pair ("\ud83d") becomes U+FFFD instead of an error, as in captions of real data.
  bool repair_surrogates = false;
};

/// Parses one JSON value. Throws DataError "WHERE: reason" for anything that is not strict JSON: NaN, trailing
/// comma, duplicate key (named), nesting deeper than `max_depth`, invalid UTF-8, text after the value.
Json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits = {});

/// One line of JSON. Non-finite numbers become null (nlohmann does that), invalid UTF-8 becomes U+FFFD.
std::string to_json_line(const Json& value);

}  // namespace longclip
