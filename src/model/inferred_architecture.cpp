// model/inferred_architecture.cpp -- see model/inferred_architecture.h
#include "model/inferred_architecture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "model/weight_names.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

constexpr int64_t kHeadWidth = 64;         // of every OpenAI CLIP and every text tower of OpenCLIP
constexpr int64_t kLaionTextWidth = 1024;  // ViT-H and ViT-g; bigG has 1280
constexpr std::array<int64_t, 4> kWideVision{1280, 1408, 1664, 1792};  // open_clip/model_configs: ViT-H, g, bigG, e
constexpr int64_t kWideVisionHeads = 16;
constexpr int64_t kLargestPatch = 16384, kMostPatches = int64_t{1} << 40;  // products of them fit 64 bits

/// Collects what was assumed, and reads sizes from shapes.
class Inference {
 public:
  Inference(const TensorMap& tensors, const ArchitectureHints& hints, std::string where)
      : tensors_(tensors), hints_(hints), where_(std::move(where)) {}

  TextArchitecture text() {
    const auto vocabulary = sizes("token_embedding.weight", 2);
    TextArchitecture a;
    a.tower = tower("transformer.", vocabulary[1], count_layers(tensors_).text,
                    heads_of(vocabulary[1], "text", hints_.text_heads));
    a.context_length = sizes("positional_embedding", 2)[0];
    a.vocabulary_size = vocabulary[0];
    a.eos_id = a.vocabulary_size - 1;
    if (tensors_.contains("text_projection")) a.embed_dim = sizes("text_projection", 2)[1];
    a.activation = activation(a.tower.width);
    return a;
  }

  Architecture clip() {
    const TextArchitecture half = text();
    const auto patches = sizes("visual.conv1.weight", 4);
    const int64_t num_patches = std::min(sizes("visual.positional_embedding", 2)[0] - 1, kMostPatches);
    require<DataError>(patches[3] > 0 && patches[3] <= kLargestPatch,
                       "{}: the patch size {} of visual.conv1.weight must be in 1..{}", where_, patches[3],
                       kLargestPatch);
    const auto grid =
        static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(std::max<int64_t>(num_patches, 0)))));
    require<DataError>(grid > 0 && grid * grid == num_patches,
                       "{}: visual.positional_embedding has {} rows, which is no square and one", where_,
                       num_patches + 1);
    return {.image_size = patches[3] * grid,
            .patch_size = patches[3],
            .vision = tower("visual.transformer.", patches[0], count_layers(tensors_).vision, vision_heads(patches[0])),
            .text = half.tower,
            .context_length = half.context_length,
            .vocabulary_size = half.vocabulary_size,
            .eos_id = half.eos_id,
            .embed_dim = sizes("text_projection", 2)[1],
            .activation = half.activation};
  }

  template <class A> A checked(A architecture, std::vector<std::string>& notes) const {
    try {
      architecture.validate();
    } catch (const InputError& error) {
      fail<DataError>("{}: {}", where_, error.what());
    }
    notes.push_back("no config states the architecture: sizes are taken from the shapes" + assumed_);
    return architecture;
  }

 private:
  at::IntArrayRef sizes(const std::string& name, int64_t dimensions) const {
    const auto found = tensors_.find(name);
    require<DataError>(found != tensors_.end(), "{}: these weights do not fit the model:\n  missing: {}", where_, name);
    require<DataError>(found->second.dim() == dimensions, "{}: {} is {}, {} dimensions are wanted", where_, name,
                       shape_text(found->second.sizes()), dimensions);
    return found->second.sizes();
  }

  TowerSize tower(const std::string& prefix, int64_t width, int64_t layers, int64_t heads) const {
    return {.width = width,
            .layers = layers,
            .heads = heads,
            .mlp_width = sizes(prefix + "resblocks.0.mlp.c_fc.weight", 2)[0]};
  }

  int64_t heads_of(int64_t width, const char* name, const std::optional<int64_t>& given) {
    if (given) {
      require<InputError>(*given > 0 && width % *given == 0, "{}: {} heads do not divide the {} width {}", where_,
                          *given, name, width);
      return *given;
    }
    require<DataError>(
        width % kHeadWidth == 0 && width > 0,
        "{}: the {} width {} is no multiple of 64, so the number of heads cannot be told from the shapes; "
        "give --{}-heads, or use a folder whose config.json states it",
        where_, name, width, name);
    assumed_ += fmt::format("; {} {} heads assumed (width / 64)", width / kHeadWidth, name);
    return width / kHeadWidth;
  }

  int64_t vision_heads(int64_t width) {
    const bool wide = std::find(kWideVision.begin(), kWideVision.end(), width) != kWideVision.end();
    if (hints_.vision_heads || !wide) return heads_of(width, "vision", hints_.vision_heads);
    assumed_ +=
        fmt::format("; {} vision heads assumed, as in OpenCLIP's image tower of width {}", kWideVisionHeads, width);
    return kWideVisionHeads;
  }

  Activation activation(int64_t text_width) {
    if (hints_.hidden_act) return *hints_.hidden_act;
    if (text_width < kLaionTextWidth) {
      assumed_ += "; QuickGELU assumed, as in OpenAI's models (LAION's need --hidden-act gelu)";
      return Activation::kQuickGelu;
    }
    assumed_ += "; exact GELU assumed, as in LAION's models of this width (others need --hidden-act quick_gelu)";
    return Activation::kGelu;
  }

  const TensorMap& tensors_;
  const ArchitectureHints& hints_;
  std::string where_, assumed_;
};

}  // namespace

Architecture inferred_architecture(const TensorMap& openai, const ArchitectureHints& hints, const std::string& where,
                                   std::vector<std::string>& notes) {
  Inference inference(openai, hints, where);
  return inference.checked(inference.clip(), notes);
}

TextArchitecture inferred_text_architecture(const TensorMap& openai, const ArchitectureHints& hints,
                                            const std::string& where, std::vector<std::string>& notes) {
  Inference inference(openai, hints, where);
  return inference.checked(inference.text(), notes);
}

}  // namespace longclip
