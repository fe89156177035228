// eval/zero_shot.cpp -- see eval/zero_shot.h
#include "eval/zero_shot.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "eval/retrieval.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr int64_t kTop = 5;

double share(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

/// How often each class stands in the list.
std::vector<int64_t> counts_of(const std::vector<int64_t>& class_of_item, int64_t classes) {
  std::vector<int64_t> counts(static_cast<size_t>(classes));
  for (const int64_t index : class_of_item) {
    require<ShapeError>(index >= 0 && index < classes, "class {} of {} classes", index, classes);
    ++counts[static_cast<size_t>(index)];
  }
  return counts;
}

}  // namespace

at::Tensor class_features(const at::Tensor& prompt_ME, const std::vector<int64_t>& class_of_prompt, int64_t classes) {
  check_shape(prompt_ME, {static_cast<int64_t>(class_of_prompt.size()), kAnySize}, "prompt_ME");
  const std::vector<int64_t> counts = counts_of(class_of_prompt, classes);
  const auto without = std::ranges::find(counts, 0);
  require<ShapeError>(without == counts.end(), "class {} has no prompt", without - counts.begin());
  // The sum has the direction of the mean; in double, so that the order of the prompts does not show.
  const at::Tensor wide_ME = prompt_ME.detach().to(at::kCPU, at::kDouble);
  const at::Tensor sum_CE = at::zeros({classes, prompt_ME.size(1)}, at::kDouble).index_add_(0, at::tensor(class_of_prompt, at::kLong), wide_ME);
  return sum_CE.div(at::linalg_vector_norm(sum_CE, 2, {1}, /*keepdim=*/true)).to(at::kFloat);
}

ZeroShotScores zero_shot_scores(const at::Tensor& image_KE, const at::Tensor& class_CE, const std::vector<int64_t>& class_of_picture) {
  require<ShapeError>(!class_of_picture.empty(), "zero-shot classification needs at least one picture");
  const std::vector<int64_t> ranks = target_ranks(image_KE, class_CE, class_of_picture);
  ZeroShotScores scores;
  scores.pictures = static_cast<int64_t>(ranks.size());
  scores.pictures_of_class = counts_of(class_of_picture, class_CE.size(0));
  std::vector<int64_t> hits_of_class(scores.pictures_of_class.size());
  for (size_t i = 0; i < ranks.size(); ++i) hits_of_class[static_cast<size_t>(class_of_picture[i])] += ranks[i] == 1 ? 1 : 0;
  scores.top1 = share(std::ranges::count(ranks, 1), scores.pictures);
  scores.top5 = share(std::ranges::count_if(ranks, [](int64_t rank) { return rank <= kTop; }), scores.pictures);
  int64_t with_pictures = 0;
  for (size_t i = 0; i < hits_of_class.size(); ++i) {
    const int64_t pictures = scores.pictures_of_class[i];
    scores.top1_of_class.push_back(pictures > 0 ? share(hits_of_class[i], pictures) : std::nan(""));
    if (pictures == 0) continue;
    scores.mean_per_class += scores.top1_of_class.back();
    ++with_pictures;
  }
  scores.mean_per_class /= static_cast<double>(with_pictures);
  return scores;
}

Json to_json(const ZeroShotScores& scores, const std::vector<std::string>& class_names) {
  Json per_class = Json::array();
  for (size_t i = 0; i < class_names.size(); ++i) {
    per_class.push_back({{"class", class_names[i]}, {"top1", scores.top1_of_class[i]}, {"pictures", scores.pictures_of_class[i]}});
  }
  return {{"top1", scores.top1},
          {"top5", scores.top5},
          {"mean_per_class", scores.mean_per_class},
          {"pictures", scores.pictures},
          {"classes", class_names.size()},
          {"per_class", std::move(per_class)}};
}

std::string to_table(const ZeroShotScores& scores) {
  return fmt::format("top-1           {:>7.2f}%\ntop-5           {:>7.2f}%\nmean per class  {:>7.2f}%\n{} pictures, {} classes\n", 100 * scores.top1,
                     100 * scores.top5, 100 * scores.mean_per_class, scores.pictures, scores.top1_of_class.size());
}

}  // namespace longclip
