// train/retrieval_evaluation.cpp -- see train/retrieval_evaluation.h
#include "train/retrieval_evaluation.h"

#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/log.h"
#include "eval/retrieval_protocol.h"
#include "train/shared_encoding.h"

namespace longclip {
namespace {

/// Pictures of a set that can be compared: those that could not be read have features that are NaN.
struct Readable {
  at::Tensor image_KE;
  at::Tensor kept_captions;  ///< undefined: all
  std::vector<int64_t> picture_of_caption;

  at::Tensor captions_of(const at::Tensor& text_ME) const {
    return kept_captions.defined() ? text_ME.index_select(0, kept_captions) : text_ME;
  }
};

Readable leave_out_broken(const at::Tensor& image_KE, const std::vector<int64_t>& picture_of_caption) {
  const at::Tensor good_K = image_KE.isfinite().all(1);
  if (good_K.all().item<bool>()) return {image_KE, {}, picture_of_caption};
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
  left.kept_captions = at::tensor(kept_captions, at::kLong);
  return left;
}

/// Measures one kind of captions after the other.
class RetrievalEvaluation {
 public:
  RetrievalEvaluation(const Clip& model, const RetrievalJob& job, Communicator& comm)
      : job_(job), set_(resolve_protocol(job.set)), encoder_(model, job.encode, comm), positions_(model.architecture().context_length) {
    for (const int64_t n : job.max_tokens) {
      require<InputError>(n >= 3 && n <= positions_, "--max-tokens {}: must be from 3 (start, one token, end) to the model's {} positions", n,
                          positions_);
    }
  }

  CaptionScores measure(CaptionKind kind) {
    CaptionScores scores;
    scores.set = load_retrieval_set(set_, kind, !job_.strict, set_.captions_per_picture);
    for (const BadRow& row : scores.set.skipped) log_warning("{}:{}: left out of the evaluation: {}", row.source, row.line, row.reason);
    check_counts(scores.set);
    encode_new_pictures(scores.set.pictures);
    const Readable readable = leave_out_broken(image_KE_, scores.set.picture_of_caption);
    const EncodedTexts texts = encoder_.texts(scores.set.captions);
    if (texts.truncated > 0) log_warning("{} captions are longer than the model's {} positions and were cut", texts.truncated, positions_);
    const at::Tensor text_ME = readable.captions_of(texts.text_ME);
    static_cast<RetrievalScores&>(scores) = retrieval_recalls(readable.image_KE, text_ME, readable.picture_of_caption);
    for (const int64_t n : job_.max_tokens) {
      scores.by_max_tokens[n] = retrieval_recalls(readable.image_KE, readable.captions_of(encoder_.texts(scores.set.captions, n).text_ME),
                                                  readable.picture_of_caption);
    }
    if (job_.num_best == 0) {
      scores.set = {};
    } else {
      scores.best_of_picture = best_candidates(readable.image_KE, text_ME, job_.num_best);
      scores.best_of_caption = best_candidates(text_ME, readable.image_KE, job_.num_best);
    }
    return scores;
  }

 private:
  void check_counts(const RetrievalSet& set) const {
    const std::string difference = protocol_difference(set_, std::ssize(set.pictures), std::ssize(set.captions));
    if (difference.empty()) return;
    if (job_.strict && !set_.limit && set_.skip == 0) {
      fail<DataError>("{}; measure another set without the protocol, as FORMAT:PATH", difference);
    }
    log_warning("{}: these are not the numbers that papers report", difference);
  }

  /// Usually the same pictures serve both kinds of captions.
  void encode_new_pictures(const std::vector<PictureEntry>& pictures) {
    std::vector<std::string> names;
    for (const PictureEntry& picture : pictures) names.push_back(fmt::format("{} {}", picture.row, picture.name));
    if (names == encoded_names_) return;
    encoded_names_ = std::move(names);
    image_KE_ = encoder_.pictures(pictures);
  }

  const RetrievalJob& job_;
  const RetrievalConfig set_;
  const SharedEncoder encoder_;
  const int64_t positions_;
  std::vector<std::string> encoded_names_;
  at::Tensor image_KE_;
};

}  // namespace

ScoresByCaptions evaluate_retrieval(const Clip& model, const RetrievalJob& job, Communicator& comm) {
  RetrievalEvaluation evaluation(model, job, comm);
  const RetrievalCaptions captions = resolve_protocol(job.set).captions;
  ScoresByCaptions scores;
  if (captions != RetrievalCaptions::kShort) scores["long"] = evaluation.measure(CaptionKind::kLong);
  if (captions != RetrievalCaptions::kLong) scores["short"] = evaluation.measure(CaptionKind::kShort);
  return scores;
}

}  // namespace longclip
