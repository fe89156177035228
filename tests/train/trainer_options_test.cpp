// tests/train/trainer_options_test.cpp -- what each option of loss, optimizer, memory and precision does to a run.
#include <ATen/ops/isfinite.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "small_run.h"
#include "train/trainer.h"

#include "support/catch.h"

namespace longclip {
namespace {

namespace fs = std::filesystem;
using test::column;
using test::SmallRun;
using test::weights_at;

bool is_vision(const std::string& name) { return name.starts_with("visual."); }

/// sqrt(sum of (a - b)^2) over all tensors.
double distance(const TensorMap& a, const TensorMap& b) {
  double sum = 0;
  for (const auto& [name, tensor] : a) sum += tensor.sub(b.at(name)).to(at::kDouble).square().sum().item<double>();
  return std::sqrt(sum);
}

double largest_difference(const fs::path& a, const fs::path& b, const std::string& key) {
  const std::vector<Json> left = column(a, key), right = column(b, key);
  REQUIRE(left.size() == right.size());
  double worst = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const double wanted = right[i].get<double>();
    worst = std::max(worst, std::abs(left[i].get<double>() - wanted) / std::abs(wanted));
  }
  return worst;
}

}  // namespace

TEST_CASE("Trainer: a frozen tower keeps every bit while the other one learns", "[train][unit]") {
  const TensorMap before = test::initial_weights();
  for (const std::string frozen : {"vision", "text"}) {
    const SmallRun run;
    const TensorMap after = weights_at(run.train({"optim.freeze=[" + frozen + "]"}), 6);
    for (const auto& [name, tensor] : before) {
      CAPTURE(frozen, name);
      if (name == "logit_scale") continue;  // initial_logit_scale replaces it
      REQUIRE(after.at(name).equal(tensor) == (is_vision(name) == (frozen == "vision")));
    }
  }
}

TEST_CASE("Trainer: with both towers frozen the logit scale alone is trained, also in parts", "[train][unit]") {
  const SmallRun run;
  for (const std::string micro : {"auto", "3"}) {
    const TensorMap after = weights_at(
        run.train({"optim.freeze=[vision, text]", "memory.micro_pairs_per_rank=" + micro}, "out" + micro), 6);
    for (const auto& [name, tensor] : test::initial_weights()) {
      if (name != "logit_scale") REQUIRE(after.at(name).equal(tensor));
    }
    REQUIRE(std::abs(after.at("logit_scale").item<double>() - 4.6052) > 1e-4);
  }
}

TEST_CASE("Trainer: every choice of loss trains, and a term that is off is 0", "[train][unit]") {
  const SmallRun run;
  int index = 0;
  for (const std::string choice :
       {"loss.short_weight=0", "loss.long_weight=0", "loss.pcm.side=text", "loss.pcm.side=both", "loss.pcm.side=none",
        "loss.pcm.energy=0.5", "loss.pcm.scope=global", "loss.label_smoothing=0",
        "data.short_caption=first_sentence"}) {
    CAPTURE(choice);
    const fs::path folder = run.train({choice, "schedule.steps=2"}, "out" + std::to_string(++index));
    for (const Json& step : test::metrics_of(folder)) {
      REQUIRE(step.at("skipped") == false);
      REQUIRE(step.at("loss").get<double>() > 0);
      REQUIRE((step.at("loss_short").get<double>() == 0) == (choice == "loss.short_weight=0"));
      REQUIRE((step.at("loss_long").get<double>() == 0) == (choice == "loss.long_weight=0"));
      const bool coarse = choice != "loss.short_weight=0" && choice != "loss.pcm.side=none";
      REQUIRE((step.at("pcm_energy").get<double>() < 1) == coarse);
    }
    REQUIRE(distance(weights_at(folder, 2), test::initial_weights()) > 1e-3);
  }
}

TEST_CASE("Trainer: the energy that the coarse features keep is the one asked for or more", "[train][unit]") {
  const SmallRun run;
  for (const Json& energy : column(run.train({"loss.pcm.energy=0.8"}), "pcm_energy")) {
    REQUIRE(energy.get<double>() >= 0.8);
    REQUIRE(energy.get<double>() <= 1);
  }
}

TEST_CASE("Trainer: the logit scale starts where it is told and is cut where it is told", "[train][unit]") {
  const SmallRun run;
  const double stored = test::initial_weights().at("logit_scale").item<double>();
  REQUIRE(column(run.train({"loss.initial_logit_scale=keep"}, "keep"), "logit_scale")[0] == stored);
  REQUIRE(column(run.train({"loss.initial_logit_scale=1.5"}, "set"), "logit_scale")[0] == 1.5);
  const fs::path cut = run.train({"loss.initial_logit_scale=2.5", "loss.max_logit_scale=2.5", "optim.lr=0.1"}, "cut");
  for (const Json& scale : column(cut, "logit_scale")) REQUIRE(scale.get<double>() <= 2.5);
  REQUIRE(weights_at(cut, 6).at("logit_scale").item<double>() <= 2.5);
  const fs::path free = run.train({"loss.initial_logit_scale=2.5", "optim.lr=0.1", "loss.short_weight=0"}, "free");
  REQUIRE(column(free, "logit_scale")[5] != 2.5);
}

TEST_CASE("Trainer: the kept text positions never change, neither by gradients nor by decay", "[train][unit]") {
  const SmallRun run;
  const at::Tensor before = test::initial_weights().at("positional_embedding");
  const at::Tensor after =
      weights_at(run.train({"optim.weight_decay=1", "optim.lr=0.05"}), 6).at("positional_embedding");
  REQUIRE(before.sizes() == at::IntArrayRef{248, 32});
  REQUIRE(after.narrow(0, 0, 20).equal(before.narrow(0, 0, 20)));
  for (const int64_t row : {20, 21, 100, 247}) {
    CAPTURE(row);
    REQUIRE_FALSE(after[row].equal(before[row]));
  }
}

TEST_CASE("Trainer: gradients are scaled down to max_grad_norm before the update", "[train][unit]") {
  const SmallRun run;
  // With eps far above the gradients, the first update of Adam is lr * gradient / eps.
  const std::vector<std::string> one_step = {"optim.eps=1",
                                             "optim.lr=1",
                                             "optim.weight_decay=0",
                                             "schedule.warmup_steps=0",
                                             "run.stop_after_steps=1",
                                             "loss.initial_logit_scale=keep"};
  std::vector<std::string> clipped = one_step, loose = one_step;
  clipped.push_back("optim.max_grad_norm=0.01");
  loose.push_back("optim.max_grad_norm=1e6");
  const fs::path small = run.train(clipped, "clipped"), large = run.train(loose, "loose");
  REQUIRE(column(small, "grad_norm") == column(large, "grad_norm"));  // the norm before scaling
  REQUIRE(column(small, "grad_norm")[0].get<double>() > 0.1);
  const double moved = distance(weights_at(small, 1), test::initial_weights());
  CAPTURE(moved);
  REQUIRE(std::abs(moved / 0.01 - 1) < 0.02);
  REQUIRE(distance(weights_at(large, 1), test::initial_weights()) > 0.05);
}

TEST_CASE("Trainer: a step in parts has the numbers of a step at once", "[train][unit]") {
  const SmallRun run;
  const fs::path whole = run.train({"schedule.steps=3"}, "whole");
  for (const std::string pairs : {"1", "2", "3", "8", "100"}) {
    const fs::path parts = run.train({"schedule.steps=3", "memory.micro_pairs_per_rank=" + pairs}, "parts" + pairs);
    CAPTURE(pairs);
    REQUIRE(std::abs(column(parts, "loss")[0].get<double>() / column(whole, "loss")[0].get<double>() - 1) < 1e-6);
    REQUIRE(largest_difference(parts, whole, "loss") < 1e-3);
    REQUIRE(largest_difference(parts, whole, "grad_norm") < 1e-2);
    REQUIRE(column(parts, "tokens") == column(whole, "tokens"));
  }
}

TEST_CASE("Trainer: activation checkpointing changes no number", "[train][unit]") {
  const SmallRun run;
  const fs::path kept = run.train({}, "kept");
  const fs::path recomputed = run.train({"memory.activation_checkpointing=blocks"}, "recomputed");
  REQUIRE(column(kept, "loss") == column(recomputed, "loss"));
  REQUIRE(distance(weights_at(kept, 6), weights_at(recomputed, 6)) == 0);
  const fs::path both = run.train({"memory.activation_checkpointing=blocks", "memory.micro_pairs_per_rank=2"}, "both");
  REQUIRE(largest_difference(both, kept, "loss") < 1e-2);
}

TEST_CASE("Trainer: log.profile_steps writes a trace of these steps alone and changes no number", "[train][unit]") {
  const SmallRun run;
  const fs::path plain = run.train({}, "plain"), profiled = run.train({"log.profile_steps=[3, 4]"}, "profiled");
  REQUIRE(column(plain, "loss") == column(profiled, "loss"));
  REQUIRE_FALSE(fs::exists(plain / "profile"));
  REQUIRE(fs::exists(run.train({"log.profile_steps=[5, 9]"}, "longer") / "profile" / "steps_5-9.rank0.json"));  // the run has 6
  start_log("", LogLevel::kWarning);
  const fs::path outside = run.train({"log.profile_steps=[7, 9]", "log.level=warning"}, "outside");
  REQUIRE_FALSE(fs::exists(outside / "profile"));
  REQUIRE_THAT(test::read_text(outside / "log.txt"), ContainsSubstring("there will be no trace: steps 7 to 9"));
  const Json trace = parse_json(test::read_text(profiled / "profile" / "steps_3-4.rank0.json"), "trace");
  std::map<std::string, int64_t> times;
  for (const Json& event : trace.at("traceEvents")) times[event.value("name", "")] += 1;
  REQUIRE(times["aten::_fused_adamw_"] == 2);
  for (const char* name : {"longclip::packed_attention", "longclip::quick_gelu_backward", "aten::linear"}) {
    CAPTURE(name);
    REQUIRE(times[name] > 0);
  }
}

TEST_CASE("Trainer: the metrics tell the most memory that was needed, which never shrinks", "[train][unit]") {
  const SmallRun run;
  int64_t before = 10'000'000;  // the program alone is larger
  for (const Json& bytes : column(run.train(), "peak_memory_bytes")) {
    REQUIRE(bytes.get<int64_t>() >= before);
    before = bytes.get<int64_t>();
  }
}

TEST_CASE("Trainer: the losses of a bf16 run and of an fp16 run stay within 5 % of those of fp32", "[train][unit]") {
  const SmallRun run;
  const std::vector<std::string> steps = {"schedule.steps=20", "loss.initial_logit_scale=keep"};
  const fs::path wanted = run.train(steps, "fp32");
  for (const std::string narrow : {"bf16", "fp16"}) {
    std::vector<std::string> overrides = steps;
    overrides.insert(overrides.end(), {"precision.compute=" + narrow, "precision.initial_loss_scale=16"});
    const double worst = largest_difference(run.train(overrides, narrow), wanted, "loss");
    test::report_difference("losses of " + narrow + ", relative", worst, 0.05);
    REQUIRE(worst > 0);
    REQUIRE(worst < 0.05);
  }
}

TEST_CASE("Trainer: under fp16 a gradient that overflows halves the loss scale, and the run goes on", "[train][unit]") {
  const SmallRun run;
  const std::vector<std::string> fp16 = {"precision.compute=fp16", "precision.initial_loss_scale=1e12", "optim.max_skipped_steps=40"};
  std::vector<std::string> first = fp16;
  first.push_back("run.stop_after_steps=3");
  run.train(first);
  const fs::path folder = run.train(fp16);  // the scale goes on where it was
  const std::vector<Json> scales = column(folder, "loss_scale"), skipped = column(folder, "skipped");
  for (size_t i = 0; i < 6; ++i) {
    REQUIRE(skipped[i] == true);
    REQUIRE(scales[i].get<double>() == 1e12 / static_cast<double>(1 << i));
  }
  REQUIRE(distance(weights_at(folder, 6), weights_at(folder, 3)) == 0);
}

TEST_CASE("Trainer: a step that is not finite is skipped, and after too many the run stops saying why",
          "[train][unit]") {
  const SmallRun run;
  const std::vector<std::string> wild = {"optim.lr=1e30",    "schedule.warmup_steps=0",  "optim.max_skipped_steps=3",
                                         "schedule.steps=9", "checkpoint.every_steps=1", "checkpoint.keep_last=9"};
  REQUIRE_THROWS_WITH(run.train(wild),
                      ContainsSubstring("step 4: the loss of the long captions was not finite for 3 steps in a row") &&
                          ContainsSubstring("optim.max_skipped_steps"));
  const fs::path folder = run.path("out");
  const std::vector<Json> steps = test::metrics_of(folder);
  REQUIRE(steps.size() >= 3);
  REQUIRE(steps[0].at("skipped") == false);
  for (const std::string key : {"loss", "loss_long"}) REQUIRE(steps[1].at(key).is_null());
  REQUIRE(steps[1].at("skipped") == true);
  REQUIRE(distance(weights_at(folder, 4), weights_at(folder, 1)) == 0);
  for (const auto& [name, tensor] : weights_at(folder, 4)) {
    CAPTURE(name);
    REQUIRE(at::isfinite(tensor).all().item<bool>());
  }
  REQUIRE(load_checkpoint(test::checkpoint_of(folder, 4)).state.skipped_steps == 3);
}

}  // namespace longclip
