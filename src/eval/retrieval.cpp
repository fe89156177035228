// eval/retrieval.cpp -- counts, block by block, the candidates ahead of each target.
// Shapes: K pictures, M captions, E joint embedding; Q queries, C candidates (either of them), q and c: one block.
#include "eval/retrieval.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

/// For each query the indices of the candidates that are right.
using Targets = std::vector<std::vector<int64_t>>;

at::Tensor comparable(const at::Tensor& features, const char* name) {
  const at::Tensor rows = features.detach().to(at::kCPU, at::kFloat).contiguous();
  require<NotFiniteError>(rows.isfinite().all().item<bool>(),
                              "{} hold a number that is not finite: the model has diverged or its weights are damaged",
                              name);
  return rows;
}

/// One target of one query, and the candidates found ahead of it so far.
struct Standing {
  int64_t query;
  int64_t candidate;
  float score;
  int64_t ahead = 0;
};

/// Scores of the targets in double, so that they do not depend on how the blocks are cut.
std::vector<Standing> make_standings(const at::Tensor& query_QE, const at::Tensor& candidate_CE,
                                     const Targets& targets) {
  const int64_t width = query_QE.size(1);
  std::vector<Standing> standings;
  for (int64_t query = 0; query < query_QE.size(0); ++query) {
    for (const int64_t candidate : targets[static_cast<size_t>(query)]) {
      const float* a = query_QE.const_data_ptr<float>() + query * width;
      const float* b = candidate_CE.const_data_ptr<float>() + candidate * width;
      standings.push_back({query, candidate, static_cast<float>(std::inner_product(a, a + width, b, 0.0))});
    }
  }
  return standings;
}

/// Candidates of one row of scores ahead of a target: lower indices win ties, higher ones must be better.
int64_t count_ahead(const float* scores, int64_t count, int64_t target, float score, float tolerance) {
  const int64_t before = std::clamp<int64_t>(target, 0, count);
  const int64_t after = std::clamp<int64_t>(target + 1, 0, count);
  const float least_equal = score - tolerance;
  const float most_equal = score + tolerance;
  return std::count_if(scores, scores + before, [=](float other) { return other >= least_equal; }) +
         std::count_if(scores + after, scores + count, [=](float other) { return other > most_equal; });
}

/// Rank (from 1) of the best target of each query.
std::vector<int64_t> best_ranks(const at::Tensor& query_QE, const at::Tensor& candidate_CE, const Targets& targets,
                                const RetrievalOptions& options) {
  const int64_t queries = query_QE.size(0);
  const int64_t candidates = candidate_CE.size(0);
  // About square: a thin block would read all candidates for a few queries, at the speed of memory.
  const auto side = static_cast<int64_t>(std::sqrt(static_cast<double>(options.max_score_elements)));
  const int64_t block_c = std::min(candidates, side);
  const int64_t block_q = std::min(queries, options.max_score_elements / block_c);
  std::vector<Standing> standings = make_standings(query_QE, candidate_CE, targets);
  std::vector<int64_t> best(static_cast<size_t>(queries), candidates);

  size_t next = 0;  // standings are in the order of their queries
  for (int64_t q = 0; q < queries; q += block_q) {
    const at::Tensor rows_qE = query_QE.slice(0, q, q + block_q);
    const size_t first = next;
    while (next < standings.size() && standings[next].query < q + rows_qE.size(0)) ++next;
    for (int64_t c = 0; c < candidates; c += block_c) {
      const at::Tensor scores_qc = rows_qE.matmul(candidate_CE.slice(0, c, c + block_c).t()).contiguous();
      const int64_t width = scores_qc.size(1);
      for (size_t i = first; i < next; ++i) {
        Standing& at_hand = standings[i];
        at_hand.ahead += count_ahead(scores_qc.const_data_ptr<float>() + (at_hand.query - q) * width, width,
                                     at_hand.candidate - c, at_hand.score, static_cast<float>(options.tie_tolerance));
      }
    }
  }
  for (const Standing& standing : standings) {
    int64_t& rank = best[static_cast<size_t>(standing.query)];
    rank = std::min(rank, standing.ahead + 1);
  }
  return best;
}

/// The captions of each picture. Checks that every picture has one.
Targets captions_of_pictures(const std::vector<int64_t>& picture_of_caption, int64_t pictures) {
  Targets captions(static_cast<size_t>(pictures));
  for (size_t caption = 0; caption < picture_of_caption.size(); ++caption) {
    const int64_t picture = picture_of_caption[caption];
    require<ShapeError>(picture >= 0 && picture < pictures, "caption {} belongs to picture {}, there are {} pictures",
                        caption, picture, pictures);
    captions[static_cast<size_t>(picture)].push_back(static_cast<int64_t>(caption));
  }
  for (int64_t picture = 0; picture < pictures; ++picture) {
    require<ShapeError>(!captions[static_cast<size_t>(picture)].empty(), "picture {} has no caption", picture);
  }
  return captions;
}

std::vector<double> recalls(const std::vector<int64_t>& ranks, const std::vector<int64_t>& ks) {
  std::vector<double> shares;
  for (const int64_t k : ks) {
    const auto found = std::count_if(ranks.begin(), ranks.end(), [k](int64_t rank) { return rank <= k; });
    shares.push_back(static_cast<double>(found) / static_cast<double>(ranks.size()));
  }
  return shares;
}

Json recalls_to_json(const std::vector<int64_t>& ks, const std::vector<double>& shares) {
  Json object = Json::object();
  for (size_t i = 0; i < ks.size(); ++i) object["R@" + std::to_string(ks[i])] = shares[i];
  return object;
}

}  // namespace

RetrievalScores retrieval_recalls(const at::Tensor& image_KE, const at::Tensor& text_ME,
                                  const std::vector<int64_t>& picture_of_caption, const RetrievalOptions& options) {
  check_shape(image_KE, {kAnySize, kAnySize}, "image_KE");
  check_shape(text_ME, {static_cast<int64_t>(picture_of_caption.size()), image_KE.size(1)}, "text_ME");
  require<ShapeError>(image_KE.size(0) > 0, "retrieval needs at least one picture");
  require<ShapeError>(options.max_score_elements > 0, "max_score_elements must be positive");
  require<ShapeError>(std::all_of(options.ks.begin(), options.ks.end(), [](int64_t k) { return k >= 1; }),
                      "every k of R@k must be at least 1");
  const Targets captions = captions_of_pictures(picture_of_caption, image_KE.size(0));
  Targets picture;
  for (const int64_t index : picture_of_caption) picture.push_back({index});

  const at::Tensor image = comparable(image_KE, "image features");
  const at::Tensor text = comparable(text_ME, "text features");
  RetrievalScores scores;
  scores.ks = options.ks;
  scores.pictures = image.size(0);
  scores.captions = text.size(0);
  scores.rank_of_picture = best_ranks(image, text, captions, options);
  scores.rank_of_caption = best_ranks(text, image, picture, options);
  scores.image_to_text = recalls(scores.rank_of_picture, options.ks);
  scores.text_to_image = recalls(scores.rank_of_caption, options.ks);
  return scores;
}

std::vector<int64_t> target_ranks(const at::Tensor& query_QE, const at::Tensor& candidate_CE,
                                  const std::vector<int64_t>& target_of_query, const RetrievalOptions& options) {
  check_shape(candidate_CE, {kAnySize, kAnySize}, "candidate_CE");
  check_shape(query_QE, {static_cast<int64_t>(target_of_query.size()), candidate_CE.size(1)}, "query_QE");
  Targets targets;
  for (const int64_t target : target_of_query) {
    require<ShapeError>(target >= 0 && target < candidate_CE.size(0), "target {} of {} candidates", target, candidate_CE.size(0));
    targets.push_back({target});
  }
  return best_ranks(comparable(query_QE, "features"), comparable(candidate_CE, "features"), targets, options);
}

Json to_json(const RetrievalScores& scores) {
  return {{"image_to_text", recalls_to_json(scores.ks, scores.image_to_text)},
          {"text_to_image", recalls_to_json(scores.ks, scores.text_to_image)},
          {"pictures", scores.pictures},
          {"captions", scores.captions}};
}

std::string to_table(const RetrievalScores& scores) {
  std::string table = fmt::format("{:<16}", "");
  for (const int64_t k : scores.ks) table += fmt::format("{:>8}", "R@" + std::to_string(k));
  table += "\nimage to text   ";
  for (const double share : scores.image_to_text) table += fmt::format("{:>7.2f}%", 100 * share);
  table += "\ntext to image   ";
  for (const double share : scores.text_to_image) table += fmt::format("{:>7.2f}%", 100 * share);
  return table + fmt::format("\n{} pictures, {} captions\n", scores.pictures, scores.captions);
}

}  // namespace longclip
