// config/section_reference.cpp -- rows and headings of docs/config.md.
#include "config/section_reference.h"

#include <spdlog/fmt/fmt.h>

namespace longclip {

namespace {

// A bar inside a cell would end it, also in code.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? "\\|" : std::string(1, c);
  return escaped;
}

}  // namespace

std::string reference_heading(std::string_view section, const FieldDoc& doc) {
  return fmt::format(
      "\n## {}\n\n{}\n\n| key | value | default | meaning | source of the default | on resume |\n| --- | --- | --- | "
      "--- | --- | --- |\n",
      section, doc.meaning);
}

std::string reference_row(const ReferenceRow& row) {
  const bool required = (row.doc.flags & kRequired) != 0;
  const std::string shown = row.default_text == "\"\"" ? "" : fmt::format("`{}`", row.default_text);
  return fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", row.key, row.type, required ? "required" : shown,
                     cell(row.doc.meaning), cell(row.doc.source), row.may_change ? "free" : "");
}

}  // namespace longclip
