#pragma once
// text/caption.h -- the pieces that caption policies are made of: the short caption cut from a long one, and line
// breaks, as upstream Long-CLIP's data set class (train/sharegpt4v.py) treats them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

/// Everything before the first ". ", without the full stop: upstream's caption.split(". ")[0].
std::string first_sentence(std::string_view long_caption);

/// The pieces between ". ", in order, without the empty ones.
std::vector<std::string> sentences(std::string_view long_caption);

/// The caption's beginnings that end after 1/k, 2/k, ... k/k of its sentences, as contiguous parts of about equal length: of 5
/// sentences and k = 3 the first 1, 3 and 5 (HiMo-CLIP, arXiv 2511.06653, section 4.2). The last one is the whole caption.
/// Empty where it has fewer than k sentences. REQUIRES: k >= 1.
std::vector<std::string> growing_subtexts(std::string_view caption, int64_t k);

/// Each line feed becomes a blank: upstream's caption.replace("\n", " ").
std::string single_line(std::string_view caption);

}  // namespace longclip
