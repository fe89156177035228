// tests/src/eval/published_similarity_test.cpp -- features and similarities that come with the published LongCLIP-B.
#include <ATen/ops/from_blob.h>
#include <ATen/TensorOperators.h>

#include <cmath>

#include "eval/best_candidates.h"
#include "support/published_longclip.h"
#include "support/reference_data.h"
#include "support/catch.h"

namespace longclip {
namespace {

at::Tensor half_tensor(const test::PublishedPickle& published, const std::string& name, int64_t rows, int64_t width) {
  std::string bytes = published.tensor_bytes(name, static_cast<size_t>(rows * width) * 2);
  return at::from_blob(bytes.data(), {rows, width}, at::kHalf).to(at::kFloat);
}

at::Tensor unit_rows(const at::Tensor& features) { return features / features.norm(2, 1, true); }

}  // namespace

TEST_CASE("best_candidates: the published LongCLIP-B features score and order the texts as published", "[eval][golden]") {
  if (!test::data_dir()) return test::say_skipped("published similarities", "shared/data");
  const test::PublishedPickle published("similarity_b.pkl");
  const at::Tensor image = unit_rows(half_tensor(published, "image_features", 1, 512));
  const at::Tensor text = unit_rows(half_tensor(published, "text_features", 3, 512));
  const at::Tensor wanted = half_tensor(published, "similarity", 1, 3);
  const std::vector<Candidate> best = best_candidates(image, text, 3)[0];
  double largest = 0;
  for (const Candidate& candidate : best) {
    largest = std::max(largest, std::abs(static_cast<double>(candidate.score) - wanted[0][candidate.index].item<double>()));
  }
  test::report_difference("published similarities, made in half precision", largest, 5e-4);
  CHECK(largest <= 5e-4);
  CHECK(largest > 0);  // the published numbers are rounded, so these are not those
  for (size_t i = 0; i + 1 < best.size(); ++i) CHECK(wanted[0][best[i].index].item<double>() > wanted[0][best[i + 1].index].item<double>());
}

}  // namespace longclip
