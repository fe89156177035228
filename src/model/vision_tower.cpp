// model/vision_tower.cpp -- see model/vision_tower.h
#include "model/vision_tower.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "base/clip_normalization.h"
#include "tensors/shape.h"
#include "tensors/transfer.h"

namespace longclip {

at::Tensor normalize_pixels(const at::Tensor& pixels_BSS3) {
  check_shape(pixels_BSS3, {kAnySize, kAnySize, kAnySize, 3}, "pixels_BSS3");
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const auto constants = [&](const std::array<double, 3>& values) {
    return to_device(at::tensor({values[0], values[1], values[2]}, options), pixels_BSS3.device());
  };
  const at::Tensor scaled = pixels_BSS3.to(at::kFloat).div_(255.0);
  return scaled.sub_(constants(kClipPixelMean)).div_(constants(kClipPixelStd)).permute({0, 3, 1, 2});
}

VisionTower::VisionTower(const Architecture& architecture, const TakeWeight& take)
    : architecture_(architecture),
      class_embedding_(take("visual.class_embedding", {architecture.vision.width})),
      conv1_weight_(take("visual.conv1.weight", {architecture.vision.width, 3, architecture.patch_size, architecture.patch_size})),
      positional_embedding_(take("visual.positional_embedding", {architecture.image_tokens(), architecture.vision.width})),
      proj_(take("visual.proj", {architecture.vision.width, architecture.embed_dim})),
      ln_pre_{take("visual.ln_pre.weight", {architecture.vision.width}), take("visual.ln_pre.bias", {architecture.vision.width})},
      ln_post_{take("visual.ln_post.weight", {architecture.vision.width}), take("visual.ln_post.bias", {architecture.vision.width})},
      transformer_(architecture.vision, architecture.activation, /*causal=*/false, "visual.transformer.", take) {}

void VisionTower::visit(const VisitParameter& visitor) {
  visitor("visual.class_embedding", class_embedding_);
  visitor("visual.conv1.weight", conv1_weight_);
  visitor("visual.positional_embedding", positional_embedding_);
  visitor("visual.ln_pre.weight", ln_pre_.weight);
  visitor("visual.ln_pre.bias", ln_pre_.bias);
  transformer_.visit(visitor);
  visitor("visual.ln_post.weight", ln_post_.weight);
  visitor("visual.ln_post.bias", ln_post_.bias);
  visitor("visual.proj", proj_);
}

at::Tensor VisionTower::embed(const at::Tensor& image_B3SS, const ForwardOptions& options) const {
  const int64_t side = architecture_.image_size, patch = architecture_.patch_size, grid = architecture_.patches_per_side();
  const int64_t batch = image_B3SS.size(0), width = architecture_.vision.width;
  check_shape(image_B3SS, {batch, 3, side, side}, "image_B3SS");
  const auto dtype = options.compute_dtype;
  const at::Tensor patches = image_B3SS.to(dtype).unflatten(3, {grid, patch}).unflatten(2, {grid, patch})  // [B, 3, grid, patch, grid, patch]
                                 .permute({0, 2, 4, 1, 3, 5}).reshape({batch, grid * grid, 3 * patch * patch});
  const at::Tensor embedded = patches.matmul(conv1_weight_.to(dtype).flatten(1).t());
  const at::Tensor class_row = class_embedding_.to(dtype).expand({batch, 1, width});
  const at::Tensor x_BPW = at::cat({class_row, embedded}, 1).add(positional_embedding_.to(dtype));
  return layer_norm(x_BPW.flatten(0, 1), ln_pre_);
}

at::Tensor VisionTower::project(const at::Tensor& rows_BW) const { return rows_BW.matmul(proj_.to(rows_BW.scalar_type())); }

at::Tensor VisionTower::forward(const at::Tensor& image_B3SS, const ForwardOptions& options) const {
  const int64_t batch = image_B3SS.size(0), tokens = architecture_.image_tokens();
  const at::Tensor x_TW = embed(image_B3SS, options);
  const at::Tensor class_rows_B = at::arange(0, batch * tokens, tokens, at::TensorOptions().dtype(at::kLong).device(x_TW.device()));
  const at::Tensor class_BW = transformer_.forward(x_TW, pack_equal(batch, tokens, x_TW.device()), class_rows_B, options);
  return project(layer_norm(class_BW, ln_post_));
}

at::Tensor VisionTower::forward_tokens(const at::Tensor& image_B3SS, const ForwardOptions& options) const {
  const int64_t batch = image_B3SS.size(0), tokens = architecture_.image_tokens();
  const at::Tensor x_TW = embed(image_B3SS, options);
  return layer_norm(transformer_.forward_all(x_TW, pack_equal(batch, tokens, x_TW.device())), ln_post_).unflatten(0, {batch, tokens});
}

}  // namespace longclip
