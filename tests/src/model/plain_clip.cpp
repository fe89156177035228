// tests/src/model/plain_clip.cpp -- see plain_clip.h
#include "plain_clip.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

namespace longclip::test {
namespace {

struct Plain {
  const TensorMap& weights;
  Activation activation;

  const at::Tensor& at(const std::string& name) const { return weights.at(name); }
  at::Tensor norm(const at::Tensor& x, const std::string& name) const {
    return at::layer_norm(x, {x.size(-1)}, at(name + ".weight"), at(name + ".bias"), 1e-5);
  }
  at::Tensor linear(const at::Tensor& x, const std::string& name) const {
    return at::linear(x, at(name + ".weight"), at(name + ".bias"));
  }
  at::Tensor attention(const at::Tensor& x_NLW, const std::string& name, int64_t heads, bool causal) const {
    const int64_t rows = x_NLW.size(0), length = x_NLW.size(1), width = x_NLW.size(2);
    const at::Tensor qkv = at::linear(x_NLW, at(name + ".in_proj_weight"), at(name + ".in_proj_bias"));
    const auto part = [&](int64_t index) {
      return qkv.narrow(2, index * width, width).view({rows, length, heads, width / heads}).transpose(1, 2);
    };
    at::Tensor scores =
        part(0).matmul(part(1).transpose(2, 3)).div(std::sqrt(static_cast<double>(width) / static_cast<double>(heads)));
    if (causal) {
      const at::Tensor later = at::ones({length, length}, at::kBool).triu(1);
      scores = scores.masked_fill(later, -std::numeric_limits<double>::infinity());
    }
    const at::Tensor attended = at::softmax(scores, -1).matmul(part(2)).transpose(1, 2).reshape({rows, length, width});
    return linear(attended, name + ".out_proj");
  }
  at::Tensor blocks(at::Tensor x_NLW, const std::string& prefix, const TowerSize& size, bool causal) const {
    for (int64_t layer = 0; layer < size.layers; ++layer) {
      const std::string name = prefix + std::to_string(layer) + ".";
      x_NLW = x_NLW.add(attention(norm(x_NLW, name + "ln_1"), name + "attn", size.heads, causal));
      const at::Tensor hidden = linear(norm(x_NLW, name + "ln_2"), name + "mlp.c_fc");
      const at::Tensor active =
          activation == Activation::kGelu ? at::gelu(hidden) : hidden.mul(at::sigmoid(hidden.mul(1.702)));
      x_NLW = x_NLW.add(linear(active, name + "mlp.c_proj"));
    }
    return x_NLW;
  }
};

at::Tensor unit(const at::Tensor& rows) { return rows.div(rows.norm(2, 1, /*keepdim=*/true)); }

}  // namespace

Clip small_clip(Activation activation, int64_t layers, uint64_t seed, at::ScalarType dtype) {
  Architecture architecture;
  architecture.image_size = 32;
  architecture.patch_size = 8;
  architecture.vision = {.width = 24, .layers = layers, .heads = 3, .mlp_width = 40};
  architecture.text = {.width = 32, .layers = layers, .heads = 2, .mlp_width = 56};
  architecture.context_length = 248;
  architecture.vocabulary_size = 300;
  architecture.eos_id = 299;
  architecture.embed_dim = 20;
  architecture.activation = activation;
  architecture.stretch = Stretch{.keep = 20, .ratio = 4, .source_length = 77};
  TensorMap weights = random_clip_weights(architecture, seed);
  for (auto& [name, tensor] : weights) {  // LayerNorms and biases start at 1 and 0, where mistakes do not show
    at::Generator generator = at::detail::createCPUGenerator(seed + std::hash<std::string>()(name));
    if (tensor.dim() < 2) tensor = tensor.add(at::randn(tensor.sizes(), generator, at::kFloat).mul(0.1));
  }
  Clip model(architecture, std::move(weights));
  model.to(at::kCPU, dtype);
  return model;
}

TensorMap leaves_of(Clip& model) {
  TensorMap leaves;
  for (const auto& [name, tensor] : model.weights()) leaves[name] = tensor.clone().requires_grad_(true);
  return leaves;
}

at::Tensor plain_text_features(const TensorMap& weights, const Architecture& architecture,
                               const std::vector<std::vector<int32_t>>& ids) {
  const Plain plain{weights, architecture.activation};
  std::vector<at::Tensor> padded, eot;
  for (const auto& text : ids) {
    const at::Tensor row = at::zeros({architecture.context_length}, at::kLong);
    row.narrow(0, 0, static_cast<int64_t>(text.size())).copy_(at::tensor(text));
    padded.push_back(row);
    eot.push_back(row.eq(architecture.eos_id).to(at::kLong).argmax());  // the first of equal ones
  }
  const at::Tensor ids_NL = at::stack(padded);
  at::Tensor x = plain.at("token_embedding.weight").index({ids_NL}).add(plain.at("positional_embedding"));
  x = plain.norm(plain.blocks(x, "transformer.resblocks.", architecture.text, /*causal=*/true), "ln_final");
  std::vector<at::Tensor> rows;
  for (size_t i = 0; i < eot.size(); ++i) rows.push_back(x[static_cast<int64_t>(i)][eot[i].item<int64_t>()]);
  return unit(at::stack(rows).matmul(plain.at("text_projection")));
}

at::Tensor plain_image_features(const TensorMap& weights, const Architecture& architecture,
                                const at::Tensor& image_B3SS) {
  const Plain plain{weights, architecture.activation};
  const int64_t patch = architecture.patch_size;
  const at::Tensor grid = at::conv2d(image_B3SS, plain.at("visual.conv1.weight"), {}, at::IntArrayRef{patch, patch});
  const at::Tensor patches = grid.flatten(2).transpose(1, 2);
  const at::Tensor start =
      plain.at("visual.class_embedding").expand({image_B3SS.size(0), 1, architecture.vision.width});
  at::Tensor x = at::cat({start, patches}, 1).add(plain.at("visual.positional_embedding"));
  x = plain.blocks(plain.norm(x, "visual.ln_pre"), "visual.transformer.resblocks.", architecture.vision,
                   /*causal=*/false);
  return unit(plain.norm(x, "visual.ln_post").select(1, 0).matmul(plain.at("visual.proj")));
}

std::vector<int32_t> random_text(int64_t length, const Architecture& architecture, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto eos = static_cast<int32_t>(architecture.eos_id);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i + 1 < length; ++i) ids.push_back(static_cast<int32_t>(random() % static_cast<uint64_t>(eos)));
  ids.push_back(eos);
  return ids;
}

double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wanted = b.detach().to(at::kDouble);
  const double scale = wanted.abs().max().item<double>();
  const double worst = a.detach().to(at::kDouble).sub(wanted).abs().max().item<double>();
  return scale == 0 ? worst : worst / scale;
}

double worst_gradient_difference(Clip& model, const TensorMap& leaves) {
  double worst = 0;
  for (const Parameter& parameter : model.trained_parameters()) {
    at::Tensor wanted = leaves.at(parameter.name).grad();
    const at::Tensor& found = parameter.tensor.grad();
    if (found.defined() != wanted.defined()) throw std::runtime_error(parameter.name + ": only one has a gradient");
    if (!found.defined()) continue;
    const int64_t kept = wanted.dim() == 0 ? 0 : wanted.size(0) - found.size(0);
    if (kept > 0) wanted = wanted.narrow(0, kept, found.size(0));
    worst = std::max(worst, relative_difference(found, wanted));
  }
  return worst;
}

}  // namespace longclip::test
