// tests/bench/useful_flops.cpp -- see useful_flops.h
#include "useful_flops.h"

namespace longclip::bench {
namespace {

constexpr double kForwardAndBackward = 3;

double projection_flops(int64_t width, int64_t embed_dim) { return 2.0 * static_cast<double>(width * embed_dim); }

}  // namespace

double tower_flops(const TowerSize& tower, int64_t num_tokens, bool causal) {
  const auto n = static_cast<double>(num_tokens), width = static_cast<double>(tower.width),
             mlp = static_cast<double>(tower.mlp_width);
  const double pairs = causal ? n * (n + 1) / 2 : n * n;
  const double full_block = 8 * n * width * width + 4 * pairs * width + 4 * n * width * mlp;
  const double last_block = 4 * n * width * width + 4 * width * width + 4 * n * width + 4 * width * mlp;
  return static_cast<double>(tower.layers - 1) * full_block + last_block;
}

double image_step_flops(const Architecture& architecture) {
  const int64_t patch_values = 3 * architecture.patch_size * architecture.patch_size;
  const double embedding =
      2.0 * static_cast<double>((architecture.image_tokens() - 1) * patch_values * architecture.vision.width);
  return kForwardAndBackward *
         (embedding + tower_flops(architecture.vision, architecture.image_tokens(), /*causal=*/false) +
          projection_flops(architecture.vision.width, architecture.embed_dim));
}

double text_step_flops(const Architecture& architecture, int64_t num_tokens) {
  return kForwardAndBackward * (tower_flops(architecture.text, num_tokens, /*causal=*/true) +
                                projection_flops(architecture.text.width, architecture.embed_dim));
}

}  // namespace longclip::bench
