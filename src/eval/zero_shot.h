#pragma once
// eval/zero_shot.h -- zero-shot classification from features: a picture belongs to the class whose prompts it is nearest to.
// Shapes: K pictures, C classes, M prompts, E joint embedding.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace longclip {

/// What zero-shot classification reports. Shares are in [0, 1].
struct ZeroShotScores {
  double top1 = 0;
  double top5 = 0;            ///< the class is among the five best; with five classes or fewer always 1
  double mean_per_class = 0;  ///< the mean over the classes of the top-1 share of their pictures
  int64_t pictures = 0;
  std::vector<double> top1_of_class;        ///< [class]; NaN for a class without pictures, which the mean leaves out
  std::vector<int64_t> pictures_of_class;   ///< [class]
};

/// Unit rows class_CE: the mean of the prompts of each class, divided by its norm.
/// Source: OpenAI CLIP, notebooks/Prompt_Engineering_for_ImageNet.ipynb, zeroshot_classifier().
/// prompt_ME unit rows; class_of_prompt M indices below C, every class has a prompt. Throws ShapeError. Collective: no.
[[nodiscard]] at::Tensor class_features(const at::Tensor& prompt_ME, const std::vector<int64_t>& class_of_prompt, int64_t classes);

/// The rank of a picture's class = 1 + the classes that score higher by more than 1e-6 + those within 1e-6 that have a lower
/// index: the rule of eval/retrieval.h for equal scores.
/// image_KE, class_CE unit rows; class_of_picture K indices below C. Throws ShapeError for sizes that do not fit and no
/// pictures, NotFiniteError for features that are not finite. Collective: no.
[[nodiscard]] ZeroShotScores zero_shot_scores(const at::Tensor& image_KE, const at::Tensor& class_CE,
                                              const std::vector<int64_t>& class_of_picture);

/// {"top1": .., "top5": .., "mean_per_class": .., "pictures": K, "classes": C, "per_class": [{"class": NAME, "top1": ..,
/// "pictures": ..}, ...]}; `class_names` [class].
Json to_json(const ZeroShotScores& scores, const std::vector<std::string>& class_names);

/// The same for a terminal, in percent, without the single classes. Ends with a newline.
std::string to_table(const ZeroShotScores& scores);

}  // namespace longclip
