// tests/src/model/toy_forward_test.cpp -- features, coarse features, losses and gradients against the reference folders.
#include <ATen/ops/tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "loss/coarse_features.h"
#include "loss/long_clip_loss.h"
#include "support/reference_data.h"
#include "toy_golden.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// Tolerances of the reference (golden README): float32, float64.
struct Precisions {
  at::ScalarType dtype;
  std::string prefix, grad_prefix;
  double features, loss, gradient;
};
const std::vector<Precisions> kPrecisions{{at::kFloat, "f32.", "grad.", 2e-6, 5e-6, 2e-5}, {at::kDouble, "f64.", "grad64.", 1e-12, 1e-12, 1e-10}};

struct Step {
  Features features;
  LossTerms loss;
};

Step run_forward(const test::Toy& toy, Clip& model, at::ScalarType dtype) {
  const ForwardOptions options{.compute_dtype = dtype};
  Step step;
  Features& f = step.features;
  f.image = model.encode_image(toy.pixels(0, toy.rows).to(dtype), options);
  f.long_text = model.encode_text(toy.texts("ids_long", 0, toy.rows), options);
  f.short_text = model.encode_text(toy.texts("ids_short", 0, toy.rows), options);
  f.coarse_image = coarse_features(f.image, {.count = toy.components}).coarse_nE;
  step.loss = long_clip_loss(f, f, model.logit_scale(), 0, LossConfig{});
  return step;
}

void check(const std::string& name, const at::Tensor& got, const at::Tensor& wanted, double tolerance) {
  const double difference = test::max_difference(got, wanted);
  test::report_difference(name, difference, tolerance);
  CAPTURE(name);
  REQUIRE(difference <= tolerance);
}

}  // namespace

TEST_CASE("Clip: toy features and losses equal the reference in float32 and float64", "[model][golden]") {
  for (const auto& folder : test::toy_folders()) {
    const test::Toy toy(folder);
    for (const Precisions& p : kPrecisions) {
      Clip model = toy.model(p.dtype);
      const Step step = run_forward(toy, model, p.dtype);
      check(p.prefix + "image", step.features.image, toy.forward.at(p.prefix + "image"), p.features);
      check(p.prefix + "long", step.features.long_text, toy.forward.at(p.prefix + "long"), p.features);
      check(p.prefix + "short", step.features.short_text, toy.forward.at(p.prefix + "short"), p.features);
      check(p.prefix + "loss_long", step.loss.long_term, toy.forward.at(p.prefix + "loss_long"), p.loss);
      check(p.prefix + "loss_short", step.loss.short_term, toy.forward.at(p.prefix + "loss_short"), p.loss);
    }
  }
}

TEST_CASE("coarse_features: the reference's projections of every stored number of rows", "[loss][golden]") {
  for (const auto& folder : test::toy_folders()) {
    const test::Toy toy(folder);
    int compared = 0;
    for (const auto& [name, wanted] : toy.forward) {
      if (name.substr(3, 5) != ".pca_") continue;
      const bool wide = name.substr(0, 3) == "f64";
      const at::Tensor rows = toy.forward.at(name.substr(0, 4) + "image").narrow(0, 0, wanted.size(0));
      check(name, coarse_features(rows, {.count = toy.components}).coarse_nE, wanted, wide ? 1e-12 : 2e-6);
      ++compared;
    }
    REQUIRE(compared >= 4);
  }
}

TEST_CASE("Clip: the gradient of every toy parameter equals the reference in float32 and float64", "[model][golden]") {
  for (const auto& folder : test::toy_folders()) {
    const test::Toy toy(folder);
    for (const Precisions& p : kPrecisions) {
      Clip model = toy.model(p.dtype);
      run_forward(toy, model, p.dtype).loss.total.backward();
      double worst = 0;
      int compared = 0;
      for (const Parameter& parameter : model.trained_parameters()) {
        const bool positions = parameter.name == "positional_embedding";
        const auto stored = toy.forward.find(p.grad_prefix + (positions ? "positional_embedding_res" : parameter.name));
        if (stored == toy.forward.end()) continue;  // float64 gradients are stored where small
        const at::Tensor& grad = parameter.tensor.grad();
        const at::Tensor wanted = positions ? stored->second.narrow(0, 20, grad.size(0)) : stored->second;
        const double largest = std::max(wanted.abs().max().item<double>(), 1e-30);
        const at::Tensor got = positions ? grad : test::sampled(grad, wanted);
        const double difference = test::max_difference(got, wanted) / largest;
        CAPTURE(parameter.name);
        REQUIRE(difference <= p.gradient);
        worst = std::max(worst, difference);
        ++compared;
      }
      if (p.dtype == at::kFloat) REQUIRE(compared == static_cast<int>(model.trained_parameters().size()));
      REQUIRE(compared > 10);
      test::report_difference(p.grad_prefix + "* relative to the largest entry", worst, p.gradient);
    }
  }
}

}  // namespace longclip
