// train/retrieval_evaluation.cpp -- see train/retrieval_evaluation.h
#include "train/retrieval_evaluation.h"

#include "base/error.h"
#include "base/log.h"
#include "eval/retrieval_protocol.h"
#include "train/shared_encoding.h"

namespace longclip {
namespace {

/// Features of the pictures that could be read; the others, whose rows are 0 (SharedEncoder), leave the set with their captions.
at::Tensor leave_out_unread(const at::Tensor& image_KE, RetrievalSet& set) {
  const at::Tensor read_K = image_KE.ne(0).any(1);
  if (read_K.all().item<bool>()) return image_KE;
  const at::Tensor new_index_K = read_K.to(at::kLong).cumsum(0).sub(1);
  RetrievalSet left;
  left.skipped = std::move(set.skipped);
  for (size_t picture = 0; picture < set.pictures.size(); ++picture) {
    if (read_K[static_cast<int64_t>(picture)].item<bool>()) left.pictures.push_back(std::move(set.pictures[picture]));
  }
  for (size_t caption = 0; caption < set.captions.size(); ++caption) {
    const int64_t picture = set.picture_of_caption[caption];
    if (!read_K[picture].item<bool>()) continue;
    left.captions.push_back(std::move(set.captions[caption]));
    left.picture_of_caption.push_back(new_index_K[picture].item<int64_t>());
  }
  require<DataError>(!left.captions.empty(), "not one picture of the retrieval set can be read");
  set = std::move(left);
  return image_KE.index_select(0, read_K.nonzero().flatten());
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
    const at::Tensor image_KE = leave_out_unread(image_KE_, scores.set);
    const EncodedTexts texts = encoder_.texts(scores.set.captions);
    if (texts.truncated > 0) log_warning("{} captions are longer than the model's {} positions and were cut", texts.truncated, positions_);
    static_cast<RetrievalScores&>(scores) = retrieval_recalls(image_KE, texts.text_ME, scores.set.picture_of_caption);
    for (const int64_t n : job_.max_tokens) {
      scores.by_max_tokens[n] = retrieval_recalls(image_KE, encoder_.texts(scores.set.captions, n).text_ME, scores.set.picture_of_caption);
    }
    if (job_.num_best == 0) {
      scores.set = {};
    } else {
      scores.best_of_picture = best_candidates(image_KE, texts.text_ME, job_.num_best);
      scores.best_of_caption = best_candidates(texts.text_ME, image_KE, job_.num_best);
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
