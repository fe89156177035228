// text/caption.cpp -- splitting as Python's str.split(". ") does it: left to right, separators do not overlap.
#include "text/caption.h"

#include <algorithm>

namespace longclip {
namespace {

constexpr std::string_view kSentenceEnd = ". ";

}  // namespace

std::string first_sentence(std::string_view long_caption) {
  return std::string(long_caption.substr(0, long_caption.find(kSentenceEnd)));
}

std::vector<std::string> sentences(std::string_view long_caption) {
  std::vector<std::string> pieces;
  while (!long_caption.empty()) {
    const size_t end = std::min(long_caption.find(kSentenceEnd), long_caption.size());
    if (end > 0) pieces.emplace_back(long_caption.substr(0, end));
    long_caption.remove_prefix(std::min(end + kSentenceEnd.size(), long_caption.size()));
  }
  return pieces;
}

std::string single_line(std::string_view caption) {
  std::string line(caption);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace longclip
