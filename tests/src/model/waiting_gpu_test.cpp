// tests/src/model/waiting_gpu_test.cpp -- how often the host waits for the GPU in a training step, told by torch's own check.
#ifdef LONGCLIP_WITH_CUDA

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/stack.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include <atomic>

#include "loss/coarse_features.h"
#include "loss/long_clip_loss.h"
#include "model/captured_towers.h"
#include "optim/adamw.h"

#include "support/catch.h"

namespace longclip {
namespace {

/// Counts "called a synchronizing CUDA operation".
struct CountWaits : c10::WarningHandler {
  void process(const c10::Warning& warning) override { count += warning.msg().find("synchronizing") != std::string::npos; }
  std::atomic<int64_t> count{0};
};

struct StepOnGpu {
  Clip model;
  AdamW optimizer;
  SideStream side{at::Device(at::kCUDA, 0)};
  std::unique_ptr<CapturedTowers> captured;
  at::Tensor pixels_BSS3;  // pinned
  std::vector<std::vector<int32_t>> texts;

  static Architecture architecture() {
    Architecture small = preset_architecture("tiny");
    small.vision.layers = small.text.layers = 2;
    small.context_length = 248;
    small.stretch = Stretch{};
    return small;
  }
  static std::vector<std::string> names_of(Clip& model) {
    std::vector<std::string> names;
    for (const Parameter& parameter : model.trained_parameters()) names.push_back(parameter.name);
    return names;
  }
  static std::vector<at::Tensor> tensors_of(Clip& model) {
    std::vector<at::Tensor> tensors;
    for (const Parameter& parameter : model.trained_parameters()) tensors.push_back(parameter.tensor);
    return tensors;
  }
  static Clip model_on_gpu() {
    Clip model(architecture(), random_clip_weights(architecture(), 1));
    model.to(at::kCUDA, at::kFloat);
    return model;
  }

  explicit StepOnGpu(int64_t pairs) : model(model_on_gpu()), optimizer(names_of(model), tensors_of(model), OptimConfig{}) {
    const int64_t size = architecture().image_size;
    pixels_BSS3 = at::randint(256, {pairs, size, size, 3}, at::detail::createCPUGenerator(3), at::TensorOptions().dtype(at::kByte)).pin_memory();
    const auto eos = static_cast<int32_t>(architecture().eos_id);
    for (int32_t i = 0; i < 2 * pairs; ++i) texts.push_back({i, i + 1, i + 2, eos});
  }

  /// As Trainer does it; returns loss and norm of the gradient.
  at::Tensor run(const Components& components) {
    const int64_t pairs = pixels_BSS3.size(0);
    optimizer.zero_grad();
    const ForwardOptions options{.compute_dtype = at::kBFloat16};
    Features f;
    const at::Tensor image_B3SS = normalize_pixels(pixels_BSS3.to(at::kCUDA, /*non_blocking=*/true));
    f.image = captured ? captured->encode_image(image_B3SS) : model.encode_image(image_B3SS, options);
    side.mark();
    const at::Tensor texts_NE = captured ? captured->encode_text(texts) : model.encode_text(pack_texts(texts, architecture().eos_id, architecture().context_length, at::kCUDA), options);
    f.long_text = texts_NE.narrow(0, 0, pairs);
    f.short_text = texts_NE.narrow(0, pairs, pairs);
    f.coarse_image = coarse_features(f.image, components, &side).coarse_nE;
    const LossTerms loss = long_clip_loss(f, f, model.logit_scale(), 0, LossConfig{});
    loss.total.backward();
    const at::Tensor numbers = at::stack({loss.total.detach().to(at::kDouble), optimizer.grad_norm()}).cpu();
    optimizer.step(1e-4);
    return numbers;
  }
};

int64_t waits_of_step(StepOnGpu& step, const Components& components) {
  step.run(components);  // allocates, loads kernels
  CountWaits counter;
  const c10::WarningUtils::WarningHandlerGuard guard(&counter);
  const c10::WarningUtils::WarnAlways always(true);
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_WARN);
  step.run(components);
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED);
  return counter.count;
}

}  // namespace

TEST_CASE("One step on CUDA: the host waits once for its numbers, and once more for the eigenvectors of the coarse features", "[model][.gpu]") {
  StepOnGpu step(12);
  REQUIRE(waits_of_step(step, {.count = 32}) == 1);  // 12 pictures are their own coarse features
  REQUIRE(waits_of_step(step, {.count = 6}) == 2);
  REQUIRE(waits_of_step(step, {.count = 6, .energy = 0.5}) == 2);
  step.captured = std::make_unique<CapturedTowers>(step.model, ForwardOptions{.compute_dtype = at::kBFloat16});
  REQUIRE(waits_of_step(step, {.count = 6}) == 2);
}

}  // namespace longclip

#endif
