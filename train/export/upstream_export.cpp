// train/export/upstream_export.cpp -- see train/export/upstream_export.h
#include "train/export/upstream_export.h"

#include "base/error.h"
#include "tensors/pt_file.h"

namespace longclip {
namespace {

constexpr int64_t kUnstretchedLength = 77;
constexpr int64_t kHeadWidth = 64;

void check_upstream_can(const Architecture& a) {
  require<InputError>(
      a.context_length > kUnstretchedLength,
      "the model has {} text positions, upstream's code wants a stretched table: run `longclip stretch` on it first",
      a.context_length);
  require<InputError>(a.activation == Activation::kQuickGelu,
                      "the model uses exact GELU; upstream's code has QuickGELU only. Export as hf instead");
  for (const TowerSize& tower : {a.vision, a.text}) {
    require<InputError>(tower.heads * kHeadWidth == tower.width && tower.mlp_width == 4 * tower.width,
                        "a tower of width {} has {} heads and an MLP of {}; upstream's code computes width/64 heads "
                        "and an MLP of 4 x width. "
                        "Export as hf instead",
                        tower.width, tower.heads, tower.mlp_width);
  }
  require<InputError>(a.eos_id == a.vocabulary_size - 1,
                      "the end of text is id {}; upstream's code reads at the highest id, {}. Export as hf instead",
                      a.eos_id, a.vocabulary_size - 1);
}

}  // namespace

void export_upstream(const ClipWeights& weights, const std::filesystem::path& out, const ExportOptions& options) {
  check_upstream_can(weights.architecture);
  check_may_write(out, options.overwrite);
  TensorMap tensors = converted(weights.tensors, options.dtype);
  tensors["positional_embedding_res"] = tensors.at("positional_embedding");
  write_pt(out, tensors);
}

}  // namespace longclip
