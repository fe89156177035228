// tests/e2e/train_real_test.cpp -- real photographs with real long captions, and a model of its real size.
#include <chrono>
#include <iostream>

#include "training.h"

#include "support/catch.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

std::string photographs() {
  const std::string folder = (*data_dir() / "coco_val2017_long").string();
  return "{format: triples, path: " + folder + "/triples.jsonl, images: " + folder + "}";
}

double mean_loss(const std::vector<Json>& losses, size_t first, size_t count) {
  double sum = 0;
  for (size_t i = first; i < first + count; ++i) sum += losses.at(i).get<double>();
  return sum / static_cast<double>(count);
}

}  // namespace

TEST_CASE("train: 94 photographs are learned in 100 steps, stopped and continued, measured and exported", "[e2e]") {
  if (!data_dir()) return say_skipped("training on photographs", "the real data");
  const TemporaryFolder folder;
  const std::string train = "train " + (source_dir() / "configs/coco_long_cpu.yaml").string() + " --set run.dir=run" +
                            " --set model.init=" + stretched_model() + " --set 'data.train=[" + photographs() + "]'" +
                            " --set 'eval.retrieval=[{name: coco, " + photographs().substr(1) + "]'";
  run_well(train + " --set run.stop_after_steps=50", folder.path());
  REQUIRE(values_of(folder / "run/metrics.jsonl", "step") == steps_to(50));
  run_well(train, folder.path());
  const std::vector<Json> losses = values_of(folder / "run/metrics.jsonl", "loss");
  REQUIRE(losses.size() == 100);
  const double before = mean_loss(losses, 0, 10), after = mean_loss(losses, 90, 10);
  std::cout << "94 photographs: mean loss of the first 10 steps " << before << ", of the last 10 " << after
            << std::endl;
  REQUIRE(after < 0.8 * before);
  const std::vector<Json> steps = json_lines(folder / "run/metrics.jsonl");
  for (const size_t step : {50, 100}) REQUIRE(steps[step - 1].contains("eval_coco_long_t2i_R@1"));
  const Json scores = parse_json(
      run_well("eval retrieval run --json --captions long --data '" + photographs() + "'", folder.path()), "scores");
  REQUIRE(scores.at("pictures") == 94);
  REQUIRE(scores.at("text_to_image").at("R@1") == steps[99].at("eval_coco_long_t2i_R@1"));
  run_well("export run hf --format hf", folder.path());
  REQUIRE(fs::exists(folder / "hf/config.json"));
}

TEST_CASE("train: ViT-B/16 at its real size takes two steps of 8 photographs in bf16", "[e2e]") {
  if (!data_dir()) return say_skipped("ViT-B/16 on photographs", "the real data");
  const TemporaryFolder folder;
  run_well("init base.safetensors --arch ViT-B-16 --seed 1", folder.path());
  run_well("stretch base.safetensors long.safetensors", folder.path());
  fs::remove(folder / "base.safetensors");
  write_text(folder / "run.yaml",
             "run: {name: real-size, dir: out, device: cpu}\nmodel: {init: long.safetensors}\n"
             "data: {train: [" +
                 photographs() +
                 "], pairs_per_step: 8}\n"
                 "schedule: {steps: 2, warmup_steps: 1}\nprecision: {compute: bf16}\n");
  const auto started = std::chrono::steady_clock::now();
  run_well("train run.yaml", folder.path());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  const std::vector<Json> steps = json_lines(folder / "out/metrics.jsonl");
  REQUIRE(steps.size() == 2);
  for (const Json& step : steps) {
    REQUIRE(step.at("skipped") == false);
    REQUIRE(step.at("grad_norm").get<double>() > 0);
  }
  std::cout << "ViT-B/16, 8 pairs, bf16: " << steps[1].at("step_seconds") << " s a step, " << seconds.count()
            << " s in all" << std::endl;
}

}  // namespace longclip::test
