#pragma once
// base/json.h -- JSON from strangers: strict, no duplicate keys, bounded depth and size; and JSON that is always valid.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace longclip {

using Json = nlohmann::ordered_json;

/// Values of a config, header or index of a checkpoint file: that of 65,536 tensors has fewer.
inline constexpr size_t kMaxCheckpointValues = 1'000'000;

/// What reading tolerates.
struct JsonLimits {
  int max_depth = 64;
  size_t max_keys = 65'536;  ///< of one object: a lookup of a key takes time in proportion to them
  /// In all. A value may be two bytes of text and take a hundred of memory.
  size_t max_values = SIZE_MAX;
  /// A lone half of a surrogate pair ("\ud83d") becomes U+FFFD instead of an error, as in captions of real data.
  bool repair_surrogates = false;
};

/// Parses one JSON value. Throws DataError "WHERE: reason" for anything that is not strict JSON: NaN, trailing
/// comma, duplicate key (named), nesting deeper than `max_depth`, invalid UTF-8, text after the value, more keys or values
/// than `limits`. Takes time in proportion to the text.
Json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits = {});

/// One line of JSON. Non-finite numbers become null (nlohmann does that), invalid UTF-8 becomes U+FFFD.
std::string to_json_line(const Json& value);

}  // namespace longclip
