// tests/src/model/toy_hf_features_test.cpp -- features that Hugging Face computes of the exported toy model, not normalised.
#include "model/text_tower.h"
#include "model/vision_tower.h"
#include "support/reference_data.h"
#include "tensors/safetensors.h"
#include "toy_golden.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("towers: a folded table of trained positions gives Hugging Face's features of the exported model", "[model][golden]") {
  const auto original = test::golden_dir();
  if (!original) return test::say_skipped("the comparison with Hugging Face's features", "../shared/golden");
  const test::Toy toy(*original);
  const TensorMap wanted = read_safetensors(*original / "toy_hf_features.safetensors").tensors;
  TensorMap weights = toy.stretched_weights;
  const int64_t keep = toy.architecture.kept_positions(), length = toy.architecture.context_length;
  at::Tensor table = weights.at("positional_embedding").clone();
  table.narrow(0, keep, length - keep).copy_(wanted.at("positional_embedding_res").narrow(0, keep, length - keep));
  weights["positional_embedding"] = table;
  const TakeWeight take = [&](const std::string& name, at::IntArrayRef) { return weights.at(name).to(at::kFloat); };

  double worst = 0;
  const auto compare = [&](const char* name, const at::Tensor& got) { worst = std::max(worst, test::max_difference(got, wanted.at(name))); };
  compare("hf.image", VisionTower(toy.architecture, take).forward(toy.pixels(0, toy.rows), {}));
  const TextTower text(toy.architecture, take);
  compare("hf.long", text.forward(toy.texts("ids_long", 0, toy.rows), {}));
  compare("hf.short", text.forward(toy.texts("ids_short", 0, toy.rows), {}));
  test::report_difference("Hugging Face's features", worst, 1e-5);
  REQUIRE(worst <= 1e-5);
}

}  // namespace longclip
