#pragma once
// text/prompts.h -- the words of zero-shot classification: published templates and the names of ImageNet's classes.
// Source: OpenAI CLIP, notebooks/Prompt_Engineering_for_ImageNet.ipynb and data/prompts.md (imagenet_classes.NOTICE).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace longclip {

/// The templates of a published list: `imagenet80` (80), `cifar18` (18), or `simple`, which is "a photo of a {}." alone.
/// REQUIRES: one of these names.
std::vector<std::string> published_templates(std::string_view name);

/// The lines of a list that people write (names, templates): without a byte-order mark, '\r' and blank lines.
/// Throws DataError "WHERE: ..." if it is not UTF-8.
std::vector<std::string> list_lines(std::string_view text, const std::string& where);

/// Templates of one's own, one a line. Throws DataError "WHERE: ..." for none, and for one that does not hold `{}` once.
std::vector<std::string> parse_templates(std::string_view text, const std::string& where);

/// The template with the class in the place of `{}`.
std::string fill_template(const std::string& prompt_template, std::string_view class_name);

/// What CLIP calls an ImageNet class: "tench" for "n01440764"; nothing for what is none of the 1000.
std::optional<std::string> imagenet_class_name(std::string_view wordnet_id);

}  // namespace longclip
