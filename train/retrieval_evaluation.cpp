// train/retrieval_evaluation.cpp -- see train/retrieval_evaluation.h
#include "train/retrieval_evaluation.h"

#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/log.h"
#include "data/retrieval_set.h"
#include "train/encode_shares.h"

namespace longclip {
namespace {

/// What is left of a set without the pictures that could not be read (their features are NaN) and their captions.
struct Readable {
  at::Tensor image_KE, text_ME;
  std::vector<int64_t> picture_of_caption;
};

Readable leave_out_broken(const at::Tensor& image_KE, const at::Tensor& text_ME, const std::vector<int64_t>& picture_of_caption) {
  const at::Tensor good_K = image_KE.isfinite().all(1);
  if (good_K.all().item<bool>()) return {image_KE, text_ME, picture_of_caption};
  const at::Tensor new_index_K = good_K.to(at::kLong).cumsum(0).sub(1);
  Readable left;
  std::vector<int64_t> kept_captions;
  for (size_t caption = 0; caption < picture_of_caption.size(); ++caption) {
    const int64_t picture = picture_of_caption[caption];
    if (!good_K[picture].item<bool>()) continue;
    kept_captions.push_back(static_cast<int64_t>(caption));
    left.picture_of_caption.push_back(new_index_K[picture].item<int64_t>());
  }
  require<DataError>(!kept_captions.empty(), "not one picture of the retrieval set can be read");
  left.image_KE = image_KE.index_select(0, good_K.nonzero().flatten());
  left.text_ME = text_ME.index_select(0, at::tensor(kept_captions, at::kLong));
  return left;
}

}  // namespace

ScoresByCaptions evaluate_retrieval(const Clip& model, const RetrievalConfig& config, const EncodeOptions& options, bool bad_lines_allowed,
                                    Communicator& comm) {
  ScoresByCaptions scores;
  std::vector<std::string> encoded_names;
  at::Tensor image_KE;
  for (const CaptionKind kind : {CaptionKind::kLong, CaptionKind::kShort}) {
    const bool is_long = kind == CaptionKind::kLong;
    if (config.captions != RetrievalCaptions::kBoth && (config.captions == RetrievalCaptions::kLong) != is_long) continue;
    const RetrievalSet set = load_retrieval_set(config, kind, bad_lines_allowed);
    for (const BadRow& row : set.skipped) log_warning("{}:{}: left out of the evaluation: {}", row.source, row.line, row.reason);
    std::vector<std::string> names;
    for (const PictureEntry& picture : set.pictures) names.push_back(fmt::format("{} {}", picture.row, picture.name));
    if (names != encoded_names) {  // usually the same pictures serve both kinds
      encoded_names = std::move(names);
      image_KE = encode_pictures(model, set.pictures, options, comm);
    }
    const EncodedTexts texts = encode_texts(model, set.captions, options, comm);
    if (texts.truncated > 0) log_warning("{} captions are longer than the model's {} positions and were cut", texts.truncated, model.architecture().context_length);
    const Readable readable = leave_out_broken(image_KE, texts.text_ME, set.picture_of_caption);
    scores[is_long ? "long" : "short"] = retrieval_recalls(readable.image_KE, readable.text_ME, readable.picture_of_caption);
  }
  return scores;
}

Json to_metrics(const std::string& name, const ScoresByCaptions& scores) {
  Json metrics;
  for (const auto& [captions, recalls] : scores) {
    const std::string prefix = "eval_" + name + (scores.size() > 1 ? "_" + captions : "");
    for (size_t i = 0; i < recalls.ks.size(); ++i) {
      const std::string at_k = "_R@" + std::to_string(recalls.ks[i]);
      metrics[prefix + "_i2t" + at_k] = recalls.image_to_text[i];
      metrics[prefix + "_t2i" + at_k] = recalls.text_to_image[i];
    }
  }
  return metrics;
}

}  // namespace longclip
