// tests/bench/step_bench.cpp -- times whole training steps of a randomly initialised Long-CLIP on random pictures and
// captions, and prints one line of JSON. No data, no files: what it measures is the model, the loss and the optimizer.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <torch/cuda.h>
#include <torch/csrc/autograd/autograd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "loss/coarse_features.h"
#include "loss/long_clip_loss.h"
#include "machine.h"
#include "model/captured_towers.h"
#include "optim/adamw.h"
#include "tensors/device_memory.h"
#include "tensors/tensor_pool.h"
#include "tensors/trace_recorder.h"
#include "useful_flops.h"

namespace longclip::bench {
namespace {

constexpr int64_t kLongContext = 248;  // Long-CLIP's 77 stretched by 4 with 20 rows kept
constexpr double kLearningRate = 1e-6;

struct Options {
  std::string arch = "ViT-B-16", precision = "bf16", device = "auto";
  int64_t pairs = 0;  ///< 0: 8 on a CPU, 128 on a GPU
  int64_t steps = 10, warmup_steps = 2;
  int64_t long_tokens = 178;  ///< of a long caption, in the mean
  std::optional<double> peak_tflops;
  std::string trace;
  bool cuda_graphs = false;
};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// The captions of one step: long ones of two thirds to four thirds of `long_tokens`, but up to 248, short ones of 16 to 40 (mean 28), evenly spread, in
/// random order. The means are those of ShareGPT4V's long captions and their first sentences.
struct Captions {
  std::vector<std::vector<int32_t>> texts;  ///< all long ones, then all short ones
  int64_t num_tokens = 0;
};

Captions draw_captions(const Options& options, const Architecture& architecture, uint64_t seed) {
  Captions captions;
  const auto count = static_cast<uint64_t>(options.pairs), mean = static_cast<uint64_t>(options.long_tokens), words = static_cast<uint64_t>(architecture.eos_id);
  const KeyedPermutation order(count, seed, 0);
  for (uint64_t i = 0; i < 2 * count; ++i) {
    const uint64_t key = mix_keys(seed, i), place = 2 * order.at(i % count) + 1;  // of 2 * count
    const uint64_t length =
        i < count ? std::min<uint64_t>(kLongContext, mean - mean * 60 / 178 + (mean * 120 / 178 * place + count) / (2 * count)) : 16 + (24 * place + count) / (2 * count);
    std::vector<int32_t> ids;
    while (ids.size() + 1 < length) ids.push_back(static_cast<int32_t>(draw_below(mix_keys(key, ids.size()), words)));
    ids.push_back(static_cast<int32_t>(architecture.eos_id));
    captions.num_tokens += static_cast<int64_t>(length);
    captions.texts.push_back(std::move(ids));
  }
  return captions;
}

double step_flops(const Architecture& architecture, const Captions& captions) {
  double flops = 0;
  for (const auto& text : captions.texts) flops += text_step_flops(architecture, static_cast<int64_t>(text.size()));
  return flops + image_step_flops(architecture) * static_cast<double>(captions.texts.size()) / 2;
}

/// One rank's training step as Trainer does it, from uint8 pictures and token ids in main memory.
class StepRunner {
 public:
  StepRunner(const Architecture& architecture, const Options& options, at::Device device)
      : model_(architecture, random_clip_weights(architecture, 1)), device_(device), side_(device), pairs_(options.pairs) {
    if (device.is_cuda()) model_.to(device);
    forward_.compute_dtype = options.precision == "bf16" ? at::kBFloat16 : at::kFloat;
    if (options.cuda_graphs) captured_ = std::make_unique<CapturedTowers>(model_, forward_);
    std::vector<std::string> names;
    std::vector<at::Tensor> tensors;
    for (const Parameter& parameter : model_.trained_parameters()) {
      names.push_back(parameter.name);
      tensors.push_back(parameter.tensor);
    }
    optimizer_.emplace(names, tensors, OptimConfig{});
    const int64_t side = architecture.image_size;
    pixels_BSS3_ = at::randint(256, {pairs_, side, side, 3}, at::detail::createCPUGenerator(2),
                               at::TensorOptions().dtype(at::kByte));
    if (device.is_cuda()) pixels_BSS3_ = pixels_BSS3_.pin_memory();  // as the data loader gives them
  }

  /// Returns the loss; waiting for it and for the gradient's norm waits for the device, as in training.
  double step(const Captions& captions) {
    const Architecture& architecture = model_.architecture();
    optimizer_->zero_grad();
    Features f;
    const at::Tensor image_B3SS = normalize_pixels(pixels_BSS3_.to(device_, /*non_blocking=*/true));
    f.image = captured_ ? captured_->encode_image(image_B3SS) : model_.encode_image(image_B3SS, forward_);
    side_.mark();
    const at::Tensor texts_NE = captured_ ? captured_->encode_text(captions.texts)
                                          : model_.encode_text(pack_texts(captions.texts, architecture.eos_id, architecture.context_length, device_), forward_);
    f.long_text = texts_NE.narrow(0, 0, pairs_);
    f.short_text = texts_NE.narrow(0, pairs_, pairs_);
    f.coarse_image = coarse_features(f.image, Components{}, &side_).coarse_nE;
    const LossTerms loss = long_clip_loss(f, f, model_.logit_scale(), 0, LossConfig{});
    loss.total.backward();
    const at::Tensor numbers = at::stack({loss.total.detach().to(at::kDouble), optimizer_->grad_norm()}).cpu();
    const double value = numbers[0].item<double>();
    require<std::runtime_error>(std::isfinite(value) && std::isfinite(numbers[1].item<double>()), "the loss or a gradient is not finite");
    optimizer_->step(kLearningRate);
    return value;
  }

  int64_t captured_bytes() const { return captured_ ? captured_->held_bytes() : 0; }

 private:
  Clip model_;
  at::Device device_;
  SideStream side_;
  std::unique_ptr<CapturedTowers> captured_;
  int64_t pairs_;
  ForwardOptions forward_;
  at::Tensor pixels_BSS3_;
  std::optional<AdamW> optimizer_;
};

/// FLOP/s of the two largest matrix products of both towers (queries, keys and values; first half of the MLP) with as many
/// rows as the step has tokens: what a step would reach that did nothing but matrix products.
double measured_peak(const Architecture& architecture, const Options& options, int64_t text_tokens, at::Device device) {
  const at::NoGradGuard no_grad;
  const auto dtype = options.precision == "bf16" ? at::kBFloat16 : at::kFloat;
  const auto random = [&](int64_t rows, int64_t columns) {
    return at::randn({rows, columns}, at::detail::createCPUGenerator(5), at::TensorOptions().dtype(at::kFloat))
        .to(device, dtype);
  };
  double flops = 0, seconds = 0;
  const auto measure = [&](int64_t rows, int64_t inputs, int64_t outputs) {
    const at::Tensor x = random(rows, inputs), weight = random(outputs, inputs);
    const int in_a_row = device.is_cuda() ? 20 : 1;  // a GPU's queue hides the time of the calls
    double best = INFINITY;
    for (int repeat = 0; repeat < 6; ++repeat) {  // the first ones warm up; the best counts
      synchronize(device);
      const double start = seconds_now();
      for (int call = 0; call < in_a_row; ++call) at::linear(x, weight);
      synchronize(device);
      best = std::min(best, (seconds_now() - start) / in_a_row);
    }
    flops += 2.0 * static_cast<double>(rows) * static_cast<double>(inputs * outputs);
    seconds += best;
  };
  const auto measure_tower = [&](const TowerSize& tower, int64_t rows) {
    measure(rows, tower.width, 3 * tower.width);
    measure(rows, tower.width, tower.mlp_width);
  };
  measure_tower(architecture.vision, options.pairs * architecture.image_tokens());
  measure_tower(architecture.text, text_tokens);
  return flops / seconds;
}

at::Device choose_device(const std::string& wanted) {
  const bool available = torch::cuda::is_available();
  require<InputError>(wanted != "cuda" || available, "--device cuda: there is no GPU here, or this build has no CUDA");
  return wanted == "cuda" || (wanted == "auto" && available) ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
}

Json run(Options options) {
  const at::Device device = choose_device(options.device);
  if (options.pairs == 0) options.pairs = device.is_cuda() ? 128 : 8;
  Architecture architecture = preset_architecture(options.arch);
  architecture.context_length = kLongContext;
  architecture.stretch = Stretch{.keep = 20, .ratio = 4, .source_length = 77};

  if (!device.is_cuda()) use_tensor_pool();  // as Trainer does
  StepRunner runner(architecture, options, device);
  std::vector<double> seconds, processor_seconds;
  double flops = 0, loss = 0, tokens = 0;
  for (int64_t i = -options.warmup_steps; i < options.steps; ++i) {
    if (i == 0) reset_peak_memory(device);
    const Captions captions =
        draw_captions(options, architecture, static_cast<uint64_t>(i + options.warmup_steps));
    synchronize(device);
    const double start = seconds_now(), processor_start = processor_seconds_now();
    loss = runner.step(captions);
    synchronize(device);
    if (i < 0) continue;
    seconds.push_back(seconds_now() - start);
    processor_seconds.push_back(processor_seconds_now() - processor_start);
    flops += step_flops(architecture, captions) / static_cast<double>(options.steps);
    tokens += static_cast<double>(captions.num_tokens) / static_cast<double>(options.steps);
  }
  const int64_t memory = peak_memory_bytes(device) + runner.captured_bytes();
  if (!options.trace.empty()) {
    TraceRecorder recorder(device.is_cuda());
    runner.step(draw_captions(options, architecture, 0));
    recorder.save(std::filesystem::absolute(options.trace));
  }
  const double peak = options.peak_tflops ? *options.peak_tflops * 1e12
                                          : measured_peak(architecture, options, static_cast<int64_t>(tokens), device);
  const double middle = median(seconds), rate = flops / middle, pairs = static_cast<double>(options.pairs);
  return {{"what", "training step"},
          {"arch", options.arch},
          {"precision", options.precision},
          {"device", fmt::format("{}{}", device.str(), options.cuda_graphs ? ", CUDA graphs" : "")},
          {"device_name", device_name(device)},
          {"threads", at::get_num_threads()},
          {"pairs", options.pairs},
          {"text_tokens_per_pair", tokens / pairs},
          {"warmup_steps", options.warmup_steps},
          {"steps", options.steps},
          {"sizes", to_json(architecture)},
          {"step_seconds",
           {{"median", middle},
            {"min", *std::min_element(seconds.begin(), seconds.end())},
            {"max", *std::max_element(seconds.begin(), seconds.end())}}},
          {"step_processor_seconds", median(processor_seconds)},
          {"triples_per_second", pairs / middle},
          {"useful_gflop_per_triple", flops / pairs / 1e9},
          {"useful_tflops", rate / 1e12},
          {"peak_tflops", peak / 1e12},
          {"peak_from", options.peak_tflops ? "--peak-tflops" : "matrix products of the same shapes, this run"},
          {"useful_share_of_peak", rate / peak},
          {"peak_memory_bytes", memory},
          {"peak_memory_of", device.is_cuda() ? "tensors on the GPU" : "the process, resident"},
          {"last_loss", loss}};
}

}  // namespace
}  // namespace longclip::bench

int main(int argc, char** argv) {
  CLI::App app("Times training steps of a Long-CLIP with random weights on random data; prints one line of JSON.");
  longclip::bench::Options options;
  app.add_option("--arch", options.arch, "preset, with 248 text positions")
      ->check(CLI::IsMember(longclip::preset_names()))
      ->capture_default_str();
  app.add_option("--pairs", options.pairs, "triples a step (default: 8 on a CPU, 128 on a GPU)")
      ->check(CLI::Range(2, 1 << 20));
  app.add_option("--long-tokens", options.long_tokens, "tokens of a long caption, in the mean")->check(CLI::Range(4, 248))->capture_default_str();
  app.add_option("--steps", options.steps, "timed steps")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  app.add_option("--warmup-steps", options.warmup_steps, "steps before these")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--precision", options.precision, "arithmetic of the towers")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  app.add_option("--device", options.device, "auto: cuda where there is a GPU")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--peak-tflops", options.peak_tflops, "the device's peak; default: measured")
      ->check(CLI::PositiveNumber);
  app.add_flag("--cuda-graphs", options.cuda_graphs, "record the towers' GPU work and replay it, as run.cuda_graphs does");
  app.add_option("--trace", options.trace, "write a Chrome trace of one more step here");
  CLI11_PARSE(app, argc, argv);
  try {
    std::cout << longclip::to_json_line(longclip::bench::run(options)) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "longclip_step_bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
