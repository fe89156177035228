// model/random_weights.cpp -- weights of an untrained CLIP (OpenAI CLIP, clip/model.py CLIP.initialize_parameters).
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "model/clip.h"

namespace longclip {
namespace {

class Initializer {
 public:
  explicit Initializer(uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

  void normal(const std::string& name, std::vector<int64_t> shape, double deviation) {
    // One stream a tensor, drawn in a fixed order: the values do not depend on the number of threads.
    weights[name] = at::randn(shape, generator_, at::TensorOptions().dtype(at::kFloat)).mul_(deviation);
  }
  void norm(const std::string& name, int64_t width) {
    weights[name + ".weight"] = at::ones({width});
    weights[name + ".bias"] = at::zeros({width});
  }
  void zero_bias(const std::string& name, int64_t width) { weights[name] = at::zeros({width}); }

  void transformer(const std::string& prefix, const TowerSize& size) {
    const auto width = static_cast<double>(size.width);
    const double attention = std::pow(width, -0.5);
    const double projection = attention * std::pow(2.0 * static_cast<double>(size.layers), -0.5);
    const double hidden = std::pow(2.0 * width, -0.5);
    for (int64_t layer = 0; layer < size.layers; ++layer) {
      const std::string name = prefix + "resblocks." + std::to_string(layer) + ".";
      norm(name + "ln_1", size.width);
      normal(name + "attn.in_proj_weight", {3 * size.width, size.width}, attention);
      zero_bias(name + "attn.in_proj_bias", 3 * size.width);
      normal(name + "attn.out_proj.weight", {size.width, size.width}, projection);
      zero_bias(name + "attn.out_proj.bias", size.width);
      norm(name + "ln_2", size.width);
      normal(name + "mlp.c_fc.weight", {size.mlp_width, size.width}, hidden);
      zero_bias(name + "mlp.c_fc.bias", size.mlp_width);
      normal(name + "mlp.c_proj.weight", {size.width, size.mlp_width}, projection);
      zero_bias(name + "mlp.c_proj.bias", size.width);
    }
  }

  TensorMap weights;

 private:
  at::Generator generator_;
};

}  // namespace

TensorMap random_clip_weights(const Architecture& architecture, uint64_t seed) {
  Initializer init(seed);
  const int64_t vision = architecture.vision.width, text = architecture.text.width;
  const double vision_scale = std::pow(static_cast<double>(vision), -0.5);
  const double patch_inputs = 3.0 * static_cast<double>(architecture.patch_size * architecture.patch_size);
  init.normal("visual.class_embedding", {vision}, vision_scale);
  init.normal("visual.conv1.weight", {vision, 3, architecture.patch_size, architecture.patch_size}, std::pow(patch_inputs, -0.5));
  init.normal("visual.positional_embedding", {architecture.image_tokens(), vision}, vision_scale);
  init.norm("visual.ln_pre", vision);
  init.transformer("visual.transformer.", architecture.vision);
  init.norm("visual.ln_post", vision);
  init.normal("visual.proj", {vision, architecture.embed_dim}, vision_scale);
  init.normal("token_embedding.weight", {architecture.vocabulary_size, text}, 0.02);
  init.normal("positional_embedding", {architecture.context_length, text}, 0.01);
  init.transformer("transformer.", architecture.text);
  init.norm("ln_final", text);
  init.normal("text_projection", {text, architecture.embed_dim}, std::pow(static_cast<double>(text), -0.5));
  init.weights["logit_scale"] = at::scalar_tensor(std::log(1.0 / 0.07));
  return std::move(init.weights);
}

}  // namespace longclip
