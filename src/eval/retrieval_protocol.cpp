// eval/retrieval_protocol.cpp -- see eval/retrieval_protocol.h
#include "eval/retrieval_protocol.h"

#include "base/error.h"

namespace longclip {
namespace {

// Long-CLIP is beichenzbc/Long-CLIP at 3966af9, HiMo-CLIP is UnicomAI/HiMo-CLIP at bcd2aea.
constexpr RetrievalRules kUrban1k{.format = SourceFormat::kUrban1k, .pictures = 1000, .captions = 1000};  // Long-CLIP eval/retrieval/Urban1k.py
constexpr RetrievalRules kSharegpt4v1k{.format = SourceFormat::kSharegpt4v,  // Long-CLIP train/sharegpt4v.py: the first 1000 rows
                                       .captions_file = "share-captioner_coco_lcs_sam_1246k_1107.json",
                                       .images_folder = ".",
                                       .split = "val",
                                       .pictures = 1000,
                                       .captions = 1000};
constexpr RetrievalRules kDocci{.format = SourceFormat::kTriples,  // HiMo-CLIP eval/retrieval/docci.py: the test split
                                .captions_file = "test.jsonl",
                                .images_folder = "images",
                                .pictures = 5000,
                                .captions = 5000};
constexpr RetrievalRules kCoco5k{.format = SourceFormat::kCoco,  // Long-CLIP eval/retrieval/coco.py: captions[0:5]
                                 .captions_file = "annotations/captions_val2017.json",
                                 .images_folder = "val2017",
                                 .captions_per_picture = 5,
                                 .pictures = 5000,
                                 .captions = 25000};
constexpr RetrievalRules kFlickr30k1k{.format = SourceFormat::kFlickr,  // HiMo-CLIP eval/retrieval/flickr30k.py: test_1k.txt
                                      .captions_file = "dataset_flickr30k.json",
                                      .images_folder = "flickr30k-images",
                                      .split = "test",
                                      .captions_per_picture = 5,
                                      .pictures = 1000,
                                      .captions = 5000};
constexpr RetrievalRules kFlickr30k31k{.format = SourceFormat::kFlickr,  // Long-CLIP eval/retrieval/flickr30k.py: every line
                                       .captions_file = "results_20130124.token",
                                       .images_folder = "flickr30k-images",
                                       .captions_per_picture = 5,
                                       .pictures = 31783,
                                       .captions = 158915};

}  // namespace

const RetrievalRules& rules_of(RetrievalProtocol protocol) {
  switch (protocol) {
    case RetrievalProtocol::kUrban1k: return kUrban1k;
    case RetrievalProtocol::kSharegpt4v1k: return kSharegpt4v1k;
    case RetrievalProtocol::kDocci: return kDocci;
    case RetrievalProtocol::kCoco5k: return kCoco5k;
    case RetrievalProtocol::kFlickr30k1k: return kFlickr30k1k;
    case RetrievalProtocol::kFlickr30k31k: break;
  }
  return kFlickr30k31k;
}

RetrievalConfig resolve_protocol(RetrievalConfig config) {
  if (!config.protocol) return config;
  const RetrievalRules& rules = rules_of(*config.protocol);
  config.format = rules.format;
  config.captions = RetrievalCaptions::kLong;  // of COCO and Flickr30k these are all captions
  config.captions_per_picture = rules.captions_per_picture;
  if (*rules.captions_file != '\0' && std::filesystem::is_directory(config.path)) {
    config.images.insert(config.images.begin(), config.path / rules.images_folder);
    config.path /= rules.captions_file;
  }
  const bool is_token_file = rules.format == SourceFormat::kFlickr && !config.path.extension().string().starts_with(".json");
  if (rules.split != nullptr && !is_token_file) config.split = rules.split;  // a token file of the test split alone has no splits
  return config;
}

std::string protocol_difference(const RetrievalConfig& config, int64_t pictures, int64_t captions) {
  if (!config.protocol) return "";
  const RetrievalRules& rules = rules_of(*config.protocol);
  if (pictures == rules.pictures && captions == rules.captions) return "";
  return fmt::format("{}: {} pictures and {} captions, but {} has {} and {}", config.path.string(), pictures, captions,
                     enum_name(*config.protocol), rules.pictures, rules.captions);
}

}  // namespace longclip
