// tests/e2e/ranks_equal_test.cpp -- that the number of ranks changes nothing: losses, weights, rows of a step, evaluation.
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <cmath>

#include "base/error.h"
#include "ranks.h"
#include "tensors/safetensors.h"
#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

/// Without the key third of an attention bias, whose gradient is 0 in exact arithmetic: after Adam it is noise.
at::Tensor comparable(const std::string& name, const at::Tensor& whole) {
  const at::Tensor flat = whole.flatten().to(at::kDouble);
  if (!name.ends_with("attn.in_proj_bias")) return flat;
  const int64_t third = flat.numel() / 3;
  return at::cat({flat.narrow(0, 0, third), flat.narrow(0, 2 * third, third)});
}

/// Largest l2 error of a tensor, relative to its update.
double worst_update_error(const TensorMap& start, const TensorMap& one, const TensorMap& several) {
  double worst = 0;
  for (const auto& [name, tensor] : one) {
    const at::Tensor goal = comparable(name, tensor);
    const double error = comparable(name, several.at(name)).sub(goal).norm().item<double>();
    const double update = goal.sub(comparable(name, start.at(name))).norm().item<double>();
    CAPTURE(name, error, update);
    REQUIRE(error <= 1e-3 * goal.norm().item<double>());
    REQUIRE(error <= 1e-2 * update);
    if (update > 0) worst = std::max(worst, error / update);
  }
  return worst;
}

double worst_loss_difference(const fs::path& one, const fs::path& several) {
  double worst = 0;
  for (const std::string key : {"loss", "loss_long", "loss_short"}) {
    const std::vector<Json> a = values_of(one / "metrics.jsonl", key), b = values_of(several / "metrics.jsonl", key);
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i].get<double>() - b[i].get<double>()));
  }
  return worst;
}

TensorMap last_weights(const fs::path& run, int64_t step) {
  return read_safetensors(run / "checkpoints" / fmt::format("step_{:08d}", step) / "model.safetensors").tensors;
}

}  // namespace

TEST_CASE("ranks: 1, 2 and 4 ranks with coarse features of all rows train alike", "[e2e]") {
  struct Size {
    int64_t pairs, components, width;
  };
  for (const auto& [pairs, components, width] : {Size{96, 32, 64}, Size{8, 4, 32}}) {
    const std::string name = fmt::format("{} pairs, {} components", pairs, components);
    const Stopwatch stopwatch("20 steps of 1, 2 and 4 ranks, " + name);
    const TemporaryFolder folder;
    write_ranks_experiment(folder.path(), {.rows = 2 * pairs,
                                           .pairs_per_step = pairs,
                                           .model_width = width,
                                           .bad_rows = false,
                                           .more = fmt::format("loss: {{pcm: {{scope: global, components: {}}}}}\n"
                                                               "schedule: {{steps: 20, warmup_steps: 5}}\n",
                                                               components)});
    for (const int64_t ranks : {1, 2, 4}) run_ranks(ranks, folder.path(), fmt::format("--set run.dir=out{}", ranks));
    const TensorMap start = read_safetensors(narrow_model(width)).tensors, one = last_weights(folder / "out1", 20);
    for (const int64_t ranks : {2, 4}) {
      const fs::path run = folder / fmt::format("out{}", ranks);
      CAPTURE(name, ranks);
      REQUIRE(read_text(run / "row_ids.jsonl") == read_text(folder / "out1/row_ids.jsonl"));
      REQUIRE(values_of(run / "metrics.jsonl", "tokens") == values_of(folder / "out1/metrics.jsonl", "tokens"));
      const double loss = worst_loss_difference(folder / "out1", run),
                   update = worst_update_error(start, one, last_weights(run, 20));
      report_difference(fmt::format("{} ranks against one, {}: losses", ranks, name), loss, 1e-4);
      report_difference(fmt::format("{} ranks against one, {}: weights, relative to the update", ranks, name), update,
                        1e-2);
      REQUIRE(loss <= 1e-4);
    }
  }
}

TEST_CASE(
    "ranks: 6 pairs a step and 7 validation pictures on 1, 2 and 3 ranks are the same run, and 4 ranks are refused",
    "[e2e]") {
  if (!cases_dir()) return say_skipped("ranks that do not divide", "the cases");
  const std::string name = "17_ranks_do_not_divide";
  const TemporaryFolder folder;
  copy_case(name, folder.path());
  for (const char* picture : {"a/1.png", "a/2.png", "b/1.png"}) write_red_png(folder / "classes" / picture);
  for (const char* picture : {"b/2.png", "c/1.png", "c/2.png", "c/3.png"}) write_blue_png(folder / "classes" / picture);
  const std::string common = "--set log.row_ids=true --set loss.pcm.scope=global --set run.device=cpu "
                             "--set 'eval.zeroshot=[{name: classes, path: classes, templates: cifar18}]' ";
  for (const int64_t ranks : {1, 2, 3})
    run_ranks(ranks, folder.path(), common + fmt::format("--set run.dir=out{}", ranks));
  const Json wanted = case_values(name);
  const Json one = json_lines(folder / "out1/metrics.jsonl").back();
  for (const int64_t ranks : {1, 2, 3}) {
    const fs::path run = folder / fmt::format("out{}", ranks);
    const std::vector<Json> lines = json_lines(run / "metrics.jsonl");
    CAPTURE(ranks, lines.back().dump());
    REQUIRE(static_cast<int64_t>(lines.size()) == wanted.at("steps").get<int64_t>());
    REQUIRE(read_text(run / "row_ids.jsonl") == read_text(folder / "out1/row_ids.jsonl"));
    REQUIRE(worst_loss_difference(folder / "out1", run) <= 1e-4);
    int64_t evaluated = 0;
    for (const auto& [key, value] : lines.back().items()) {
      if (!key.starts_with("eval_val")) continue;
      const bool by_caption = key.find("t2i") != std::string::npos && key.find("short") == std::string::npos;
      const double hits = value.get<double>() * wanted.at(by_caption ? "captions" : "pictures").get<double>();
      CAPTURE(key, hits);
      REQUIRE(value == one.at(key));
      REQUIRE(std::abs(hits - std::round(hits)) < 1e-9);  // of so many, none twice and none left out
      ++evaluated;
    }
    REQUIRE(evaluated > 0);
    const double labelled = lines.back().at("eval_classes_top1").get<double>() * 7;
    REQUIRE(std::abs(labelled - std::round(labelled)) < 1e-9);
    REQUIRE(lines.back().at("eval_classes_top1") == one.at("eval_classes_top1"));
    REQUIRE(lines.back().at("eval_classes_top5") == 1);
  }
  for (const RankEnd& end : run_ranks(4, folder.path(), common + "--set run.dir=out4", 2)) {
    REQUIRE_THAT(end.err, ContainsSubstring("data.pairs_per_step is 6, which 4 processes do not divide"));
  }
  REQUIRE_FALSE(fs::exists(folder / "out4/metrics.jsonl"));
}

}  // namespace longclip::test
