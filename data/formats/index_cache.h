#pragma once
// data/formats/index_cache.h -- the cache folder: indexes of data files and unpacked files, made once for all ranks and runs.
// Everything in it can be made again; it may be deleted whenever no program runs.

#include <filesystem>

#include "data/formats/sample_index.h"

namespace longclip {

/// $XDG_CACHE_HOME/longclip or ~/.cache/longclip; empty (no cache) where neither variable is set.
std::filesystem::path default_cache_dir();

/// Told by the first bytes.
bool is_gzip(const std::filesystem::path& file);

/// The index of the data file that was mapped from `file`: the one in `cache_dir` if it fits, else a new one, which is written
/// there. Of several processes that want the same one, one makes it and the others wait. A damaged one is made again with a
/// warning; where the folder cannot be searched or written, a warning says so and the index stays in memory. An empty `cache_dir`
/// keeps it in memory without a word.
/// Throws DataError "FILE: reason" if the data file is broken as a whole, Stopped after a signal.
SampleIndex open_index(const std::filesystem::path& file, const MappedFile& mapped, const RowFormat& format,
                       const std::filesystem::path& cache_dir);

/// The file itself, or if it is compressed with gzip (told by its first bytes) what it unpacks to, in `cache_dir`.
/// Throws DataError if it is damaged, cut, or unpacks to more than 200 times its size, and InputError if it is compressed
/// and `cache_dir` is empty or cannot be written.
std::filesystem::path plain_file_of(const std::filesystem::path& file, const std::filesystem::path& cache_dir);

}  // namespace longclip
