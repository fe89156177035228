#pragma once
// data/formats/path_pattern.h -- the shards that a pattern names: brace ranges and lists, then wildcards.

#include <filesystem>
#include <vector>

namespace longclip {

/// "s-{000..123}.tar" (with as many digits as are written), "{a,b}.tar", "s-*.tar", also together; a file that has that very
/// name stands for itself. Files of a wildcard come sorted by their bytes. Throws InputError if a wildcard matches
/// nothing, a brace is not as above, or more than a million names come out; named files are not looked for.
std::vector<std::filesystem::path> expand_pattern(const std::filesystem::path& pattern);

}  // namespace longclip
