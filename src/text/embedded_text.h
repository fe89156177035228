#pragma once
// text/embedded_text.h -- the data files of this folder, carried inside the program so that nothing must be found at
// run time. Where each comes from and under which licence: the .NOTICE file beside it.

#include <string_view>

namespace longclip {

/// CLIP's 48,894 merges in order of rank, "left right" a line (clip_merges.txt).
std::string_view clip_merges_text();
/// Named character references, "NAME HEX..." a line; '~' in front: only ftfy knows it (html_entities.txt).
std::string_view html_entities_text();
/// Character sets, character classes and rules of the mojibake repair (ftfy_tables.txt, format in its first lines).
std::string_view ftfy_tables_text();
/// "n01440764 tench" a line: the 1000 classes of ImageNet in order (imagenet_classes.txt).
std::string_view imagenet_classes_text();
/// One template a line, `{}` where the class goes (templates_imagenet80.txt, templates_cifar18.txt).
std::string_view imagenet80_templates_text();
std::string_view cifar18_templates_text();

}  // namespace longclip
