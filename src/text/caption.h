#pragma once
// text/caption.h -- the pieces that caption policies are made of: the short caption cut from a long one, and line
// breaks, as upstream Long-CLIP's data set class (train/sharegpt4v.py) treats them.

#include <string>
#include <string_view>
#include <vector>

namespace longclip {

/// Everything before the first ". ", without the full stop: upstream's caption.split(". ")[0].
std::string first_sentence(std::string_view long_caption);

/// The pieces between ". ", in order, without the empty ones.
std::vector<std::string> sentences(std::string_view long_caption);

/// Each line feed becomes a blank: upstream's caption.replace("\n", " ").
std::string single_line(std::string_view caption);

}  // namespace longclip
