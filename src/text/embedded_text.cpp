// text/embedded_text.cpp -- takes the data files in through the assembler's .incbin (C++20 has no #embed).
// A change of a file rebuilds this one: see OBJECT_DEPENDS in CMakeLists.txt. ccache does not cache .incbin.
#include "text/embedded_text.h"

#include <cstddef>

// clang-format off
#define LONGCLIP_EMBED(name, file)                      \
  __asm__(".section .rodata\n"                          \
          ".global longclip_" name "_begin\n"           \
          ".global longclip_" name "_end\n"             \
          "longclip_" name "_begin:\n"                  \
          ".incbin \"" LONGCLIP_TEXT_FOLDER "/" file "\"\n" \
          "longclip_" name "_end:\n"                    \
          ".previous\n")
// clang-format on

LONGCLIP_EMBED("clip_merges", "clip_merges.txt");
LONGCLIP_EMBED("html_entities", "html_entities.txt");
LONGCLIP_EMBED("ftfy_tables", "ftfy_tables.txt");
LONGCLIP_EMBED("imagenet_classes", "imagenet_classes.txt");
LONGCLIP_EMBED("templates_imagenet80", "templates_imagenet80.txt");
LONGCLIP_EMBED("templates_cifar18", "templates_cifar18.txt");

extern "C" {
extern const char longclip_clip_merges_begin[];
extern const char longclip_clip_merges_end[];
extern const char longclip_html_entities_begin[];
extern const char longclip_html_entities_end[];
extern const char longclip_ftfy_tables_begin[];
extern const char longclip_ftfy_tables_end[];
extern const char longclip_imagenet_classes_begin[];
extern const char longclip_imagenet_classes_end[];
extern const char longclip_templates_imagenet80_begin[];
extern const char longclip_templates_imagenet80_end[];
extern const char longclip_templates_cifar18_begin[];
extern const char longclip_templates_cifar18_end[];
}

namespace longclip {
namespace {

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<size_t>(end - begin)}; }

}  // namespace

std::string_view clip_merges_text() { return between(longclip_clip_merges_begin, longclip_clip_merges_end); }
std::string_view html_entities_text() { return between(longclip_html_entities_begin, longclip_html_entities_end); }
std::string_view ftfy_tables_text() { return between(longclip_ftfy_tables_begin, longclip_ftfy_tables_end); }
std::string_view imagenet_classes_text() { return between(longclip_imagenet_classes_begin, longclip_imagenet_classes_end); }
std::string_view imagenet80_templates_text() { return between(longclip_templates_imagenet80_begin, longclip_templates_imagenet80_end); }
std::string_view cifar18_templates_text() { return between(longclip_templates_cifar18_begin, longclip_templates_cifar18_end); }

}  // namespace longclip
