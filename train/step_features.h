#pragma once
// train/step_features.h -- one step's batch through the towers and back.
// Shapes: B pairs of this rank, E joint embedding.

#include <optional>
#include <vector>

#include "data/batch_loader.h"
#include "dist/grad_reducer.h"
#include "loss/long_clip_loss.h"
#include "model/captured_towers.h"
#include "tensors/side_stream.h"

namespace longclip {

struct StepOptions {
  ForwardOptions forward;
  /// Pairs that pass through the towers at once; empty: all. With fewer, features are computed without a graph, the loss
  /// gives the gradient of the features, and each part runs again with a graph: the gradient of the whole batch at the
  /// memory of a part (GradCache, arXiv:2101.06983).
  std::optional<int64_t> micro_pairs;
  CapturedTowers* captured = nullptr;  ///< encodes instead of the model, if given
  SideStream* side = nullptr;          ///< marked once the image features are on their way
};

class StepFeatures {
 public:
  /// Encodes the batch on the model's device. Long and short captions pass through the text tower together.
  StepFeatures(Clip& model, const PairBatch& batch, const StepOptions& options);

  /// image, long_text, short_text, unit rows [B, E] with gradient; a text that the batch lacks is undefined.
  const Features& features() const { return features_; }
  /// Tokens that the text tower saw.
  int64_t num_tokens() const { return num_tokens_; }
  /// Brings the gradient of `loss`, a scalar computed from features(), to every parameter. Collective if the reducer is.
  void backward(const at::Tensor& loss, GradReducer& reducer);

 private:
  struct Part {
    int64_t first = 0, count = 0;
  };
  Features encode(const Part& part) const;

  Clip& model_;
  const PairBatch& batch_;
  StepOptions options_;
  std::vector<Part> parts_;
  Features features_;
  int64_t num_tokens_ = 0;
};

}  // namespace longclip
