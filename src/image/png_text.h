#pragma once
// image/png_text.h -- what Pillow refuses of a PNG's text and colour profile, which have nothing to do with its pixels.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace longclip {

/// Sees the chunks of one file in their order. Source: Pillow 13, PngImagePlugin.py: chunk_iCCP, chunk_tEXt, chunk_zTXt,
/// chunk_iTXt, MAX_TEXT_CHUNK, MAX_TEXT_MEMORY.
class PngTextCheck {
 public:
  PngTextCheck(const std::string& where, bool load_truncated) : where_(where), load_truncated_(load_truncated) {}

  /// Throws DataError for a profile or text that Pillow refuses. Other chunks are taken as they are.
  void see(std::string_view name, std::span<const uint8_t> data);

 private:
  void see_deflated(std::string_view name, std::span<const uint8_t> stream);
  void require_known_method(std::string_view name, bool known) const;
  void count(uint64_t bytes);

  const std::string& where_;
  bool load_truncated_;
  uint64_t bytes_ = 0;  ///< of all text and profiles so far, inflated
};

}  // namespace longclip
