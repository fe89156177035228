// train/export/openai_export.cpp -- see train/export/openai_export.h
#include "train/export/openai_export.h"

#include <fmt/format.h>

#include "base/error.h"
#include "tensors/pt_file.h"

namespace longclip {
namespace {

constexpr int64_t kUnstretchedLength = 77;
constexpr int64_t kUpstreamLength = 248;
constexpr int64_t kHeadWidth = 64;

/// What build_model takes from the shapes. `whose`: "upstream", "OpenAI".
void check_build_model_can(const Architecture& a, const char* whose) {
  require<InputError>(
      a.activation == Activation::kQuickGelu,
      "the model uses exact GELU; {}'s code has QuickGELU only. Export as hf or open_clip, which state it", whose);
  for (const TowerSize& tower : {a.vision, a.text}) {
    require<InputError>(tower.heads * kHeadWidth == tower.width && tower.mlp_width == 4 * tower.width,
                        "a tower of width {} has {} heads and an MLP of {}; {}'s code computes width/64 heads and an "
                        "MLP of 4 x width. Export as hf or open_clip, which state them",
                        tower.width, tower.heads, tower.mlp_width, whose);
  }
  require<InputError>(a.eos_id == a.vocabulary_size - 1,
                      "the end of text is id {}; {}'s code reads at the highest id, {}. Export as hf, which states it",
                      a.eos_id, whose, a.vocabulary_size - 1);
}

}  // namespace

void export_openai(const ClipWeights& weights, const std::filesystem::path& out, const ExportOptions& options) {
  const int64_t length = weights.architecture.context_length;
  require<InputError>(
      length == kUnstretchedLength,
      "the model has {} text positions; programs that read OpenAI's format feed it {} token ids, as "
      "clip.tokenize makes them. Export as upstream (the Long-CLIP code), hf (transformers) or open_clip "
      "instead, which keep all {}",
      length, kUnstretchedLength, length);
  check_build_model_can(weights.architecture, "OpenAI");
  check_may_write(out, options.overwrite);
  write_pt(out, converted(weights.tensors, options.dtype));
}

std::vector<std::string> export_upstream(const ClipWeights& weights, const std::filesystem::path& out,
                                         const ExportOptions& options) {
  require<InputError>(
      weights.architecture.context_length > kUnstretchedLength,
      "the model has {} text positions, upstream's code wants a stretched table: run `longclip stretch` "
      "on it first, or export it as openai",
      weights.architecture.context_length);
  check_build_model_can(weights.architecture, "upstream");
  check_may_write(out, options.overwrite);
  TensorMap tensors = converted(weights.tensors, options.dtype);
  tensors["positional_embedding_res"] = tensors.at("positional_embedding");
  write_pt(out, tensors);
  const int64_t length = weights.architecture.context_length;
  if (length == kUpstreamLength) return {};
  return {
      fmt::format("upstream's code has {} positions written into it; change them to {} in model_longclip.py (mask1, "
                  "mask2) and longclip.py (tokenize)",
                  kUpstreamLength, length)};
}

}  // namespace longclip
