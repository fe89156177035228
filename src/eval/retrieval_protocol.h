#pragma once
// eval/retrieval_protocol.h -- the retrieval sets that papers report: what each of them is made of.
// Rules and sources for readers: docs/evaluation.md.

#include "eval/eval_config.h"

namespace longclip {

/// What makes a measurement one of this protocol.
struct RetrievalRules {
  SourceFormat format = SourceFormat::kTriples;
  const char* captions_file = "";  ///< in the folder of the data set; empty: the folder itself is the source
  const char* images_folder = "";  ///< likewise
  const char* split = nullptr;
  std::optional<int64_t> captions_per_picture = {};
  int64_t pictures = 0, captions = 0;  ///< how many there must be
};

const RetrievalRules& rules_of(RetrievalProtocol protocol);

/// The set as it is read: with a protocol, its format, split and captions, and, where `path` is a folder, the caption file in
/// it and its folder of pictures before those that were given. Without one: `config`.
RetrievalConfig resolve_protocol(RetrievalConfig config);

/// Why a set of so many pictures and captions is not that of its protocol; empty where it is, or where there is none.
std::string protocol_difference(const RetrievalConfig& config, int64_t pictures, int64_t captions);

}  // namespace longclip
