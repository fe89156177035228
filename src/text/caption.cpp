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

std::vector<std::string> growing_subtexts(std::string_view caption, int64_t k) {
  std::vector<size_t> ends;  // of each sentence that is not empty, its full stop included
  for (size_t start = 0; start < caption.size();) {
    const size_t end = std::min(caption.find(kSentenceEnd, start), caption.size());
    if (end > start) ends.push_back(std::min(end + 1, caption.size()));
    start = std::min(end + kSentenceEnd.size(), caption.size());
  }
  const auto sentences = static_cast<int64_t>(ends.size());
  std::vector<std::string> subtexts;
  if (sentences < k) return subtexts;
  for (int64_t part = 1; part < k; ++part) {
    subtexts.emplace_back(caption.substr(0, ends[static_cast<size_t>(part * sentences / k - 1)]));
  }
  subtexts.emplace_back(caption);
  return subtexts;
}

std::string single_line(std::string_view caption) {
  std::string line(caption);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace longclip
