// model/clip.cpp -- see model/clip.h
#include "model/clip.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include <functional>
#include <set>

#include "base/error.h"
#include "tensors/shape.h"

namespace longclip {

/// Collects what is wrong with a weight list, so that one error names all of it.
class WeightTaker {
 public:
  explicit WeightTaker(TensorMap weights) : weights_(std::move(weights)) {}

  at::Tensor operator()(const std::string& name, at::IntArrayRef shape) {
    known_.insert(name);
    const auto found = weights_.find(name);
    if (found == weights_.end()) {
      problems_ += "\n  missing: " + name + " " + shape_text(shape);
      return at::zeros(shape);
    }
    if (found->second.sizes() != shape) {
      problems_ += "\n  misshapen: " + name + " is " + shape_text(found->second.sizes()) + ", wanted is " + shape_text(shape);
      return at::zeros(shape);
    }
    return found->second.detach().to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  }

  void check() {
    for (const auto& [name, tensor] : weights_) {
      if (!known_.contains(name)) problems_ += "\n  extra: " + name + " " + shape_text(tensor.sizes());
    }
    require<DataError>(problems_.empty(), "these weights do not fit the architecture:{}", problems_);
    weights_.clear();
  }

 private:
  TensorMap weights_;
  std::set<std::string> known_;
  std::string problems_;
};

namespace {

at::Tensor unit_rows(const at::Tensor& features_NE) {
  const at::Tensor wide = features_NE.scalar_type() == at::kDouble ? features_NE : features_NE.to(at::kFloat);
  return wide.div(at::linalg_vector_norm(wide, 2, {1}, /*keepdim=*/true));
}

}  // namespace

Clip::Clip(const Architecture& architecture, TensorMap weights) : Clip(architecture, WeightTaker(std::move(weights))) {}

Clip::Clip(const Architecture& architecture, WeightTaker taker)
    : architecture_(architecture),
      vision_(architecture, std::ref(taker)),
      text_(architecture, std::ref(taker)),
      logit_scale_(taker("logit_scale", {})) {
  taker.check();
  visit([](const std::string&, at::Tensor& parameter) { parameter.requires_grad_(true); });
}

void Clip::visit(const VisitParameter& visitor) {
  vision_.visit(visitor);
  text_.visit(visitor);
  visitor("logit_scale", logit_scale_);
}

at::Tensor Clip::encode_image(const at::Tensor& image_B3SS, const ForwardOptions& options) const {
  return unit_rows(vision_.forward(image_B3SS, options));
}

at::Tensor Clip::encode_text(const PackedTexts& texts, const ForwardOptions& options) const {
  return unit_rows(text_.forward(texts, options));
}

PartFeatures Clip::encode_image_patches(const at::Tensor& image_B3SS, const ForwardOptions& options) const {
  const at::Tensor tokens_BPW = vision_.forward_tokens(image_B3SS, options);
  return {unit_rows(vision_.project(tokens_BPW.select(1, 0))), tokens_BPW.slice(1, 1).to(at::kFloat)};
}

PartFeatures Clip::encode_text_tokens(const PackedTexts& texts, const ForwardOptions& options) const {
  const at::Tensor tokens_TW = text_.forward_tokens(texts, options);
  return {unit_rows(text_.project(tokens_TW.index_select(0, texts.eot_rows_N))), tokens_TW.to(at::kFloat)};
}

void Clip::set_logit_scale(double value) {
  const at::NoGradGuard no_grad;
  logit_scale_.fill_(value);
}

void Clip::limit_logit_scale(double largest) {
  const at::NoGradGuard no_grad;
  logit_scale_.clamp_max_(largest);
}

std::vector<Parameter> Clip::trained_parameters() {
  std::vector<Parameter> trained;
  visit([&](const std::string& name, at::Tensor& parameter) {
    if (parameter.requires_grad()) trained.push_back({name, parameter});
  });
  return trained;
}

void Clip::freeze_vision() {
  vision_.visit([](const std::string&, at::Tensor& parameter) { parameter.requires_grad_(false); });
}

void Clip::freeze_text() {
  text_.visit([](const std::string&, at::Tensor& parameter) { parameter.requires_grad_(false); });
}

TensorMap Clip::weights() {
  TensorMap all;
  visit([&](const std::string& name, at::Tensor& parameter) { all[name] = parameter.detach(); });
  all["positional_embedding"] = text_.position_table().detach();
  return all;
}

void Clip::to(at::Device device, at::ScalarType dtype) {
  visit([&](const std::string&, at::Tensor& parameter) {
    parameter = parameter.detach().to(device, dtype).requires_grad_(parameter.requires_grad());
  });
  text_.to(device, dtype);
}

}  // namespace longclip
