// text/prompts.cpp -- see text/prompts.h
#include "text/prompts.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/utf8.h"
#include "text/embedded_text.h"

namespace longclip {
namespace {

constexpr std::string_view kPlaceholder = "{}";

std::map<std::string, std::string, std::less<>> read_imagenet_names() {
  std::map<std::string, std::string, std::less<>> names;
  for (const std::string& line : list_lines(imagenet_classes_text(), "imagenet_classes.txt")) {
    const size_t blank = line.find(' ');
    names[line.substr(0, blank)] = line.substr(blank + 1);
  }
  return names;
}

}  // namespace

std::vector<std::string> published_templates(std::string_view name) {
  if (name == "imagenet80") return list_lines(imagenet80_templates_text(), "templates_imagenet80.txt");
  if (name == "cifar18") return list_lines(cifar18_templates_text(), "templates_cifar18.txt");
  require<std::logic_error>(name == "simple", "no list of templates is called {}", name);
  return {"a photo of a {}."};
}

std::vector<std::string> list_lines(std::string_view text, const std::string& where) {
  require<DataError>(is_valid_utf8(text), "{}: the text is not UTF-8", where);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != std::string_view::npos) lines.emplace_back(line);
  }
  return lines;
}

std::vector<std::string> parse_templates(std::string_view text, const std::string& where) {
  std::vector<std::string> templates = list_lines(text, where);
  require<DataError>(!templates.empty(), "{}: holds no template", where);
  for (const std::string& line : templates) {
    const size_t first = line.find(kPlaceholder);
    require<DataError>(first != std::string::npos && line.find(kPlaceholder, first + 1) == std::string::npos,
                       "{}: a template must hold {} once, where the name of the class goes: '{}'", where, kPlaceholder, line);
  }
  return templates;
}

std::string fill_template(const std::string& prompt_template, std::string_view class_name) {
  std::string prompt = prompt_template;
  return prompt.replace(prompt.find(kPlaceholder), kPlaceholder.size(), class_name);
}

std::optional<std::string> imagenet_class_name(std::string_view wordnet_id) {
  static const auto names = read_imagenet_names();
  const auto found = names.find(wordnet_id);
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace longclip
