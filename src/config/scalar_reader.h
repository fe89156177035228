#pragma once
// config/scalar_reader.h -- one scalar of the tree as the type that a field wants, strictly: whole tokens, no octal, no
// underscores, no yes/no, no quoted numbers, nothing that is not finite.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "config/config_tree.h"

namespace longclip {

/// The value and what messages need to say about it.
struct ScalarField {
  const ConfigNode& node;
  const std::string& key;      ///< full, "optim.lr"
  std::string_view word = "";  ///< a word that is allowed as well, so that messages can name it
};

// Each throws ConfigError "WHERE: KEY: what is wanted, not WHAT THERE IS".
bool read_bool(const ScalarField& field);
int64_t read_integer(const ScalarField& field);
double read_number(const ScalarField& field);
/// Without control characters.
std::string read_text(const ScalarField& field);
/// Absolute; a relative one starts at `folder`. `~` and `$X` are plain characters.
std::filesystem::path read_path(const ScalarField& field, const std::filesystem::path& folder);
/// The index of the value in `words`.
size_t read_word(const ScalarField& field, std::span<const std::string_view> words);

/// `path` from `folder`, absolute and without "." and "..".
std::filesystem::path resolve_path(const std::filesystem::path& folder, const std::filesystem::path& path);

/// The word closest to `wrong`, or "" if none is close.
std::string_view nearest_word(std::string_view wrong, std::span<const std::string_view> words);

}  // namespace longclip
