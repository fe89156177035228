// tests/train/run_config_test.cpp -- train/run_config.h: the files in configs/, resuming, docs/config.md.
#include "train/run_config.h"

#include "base/error.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace {

constexpr const char* kSmallest = "run: {name: x}\nmodel: {init: m}\ndata: {train: [{format: triples, path: p}]}\n";

RunConfig load(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "x.yaml", text);
  return load_run_config(folder / "x.yaml", overrides);
}

}  // namespace

TEST_CASE("RunConfig: the smallest file gives the defaults of the recipe", "[train][unit]") {
  const RunConfig config = load(kSmallest);
  REQUIRE(config.optim.lr == 1e-6);
  REQUIRE(config.schedule.epochs == 2);
  REQUIRE(config.loss.initial_logit_scale == 4.6052);
  REQUIRE(config.run.dir == std::filesystem::current_path() / "runs" / "x");
  REQUIRE(config.model.init.is_absolute());
  REQUIRE(config.data.train[0].images == std::vector{config.data.train[0].path.parent_path()});
}

TEST_CASE("RunConfig: what must be chosen has no default", "[train][unit]") {
  REQUIRE_THROWS_WITH(load("model: {init: m}\n"), ContainsSubstring("x.yaml:1:1: run.name: is missing"));
  REQUIRE_THROWS_WITH(load("run: {name: x}\ndata: {train: [{format: triples, path: p}]}\n"),
                      ContainsSubstring("model.init: is missing"));
  REQUIRE_THROWS_WITH(load("run: {name: x}\nmodel: {init: m}\ndata: {pairs_per_step: 4}\n"),
                      ContainsSubstring("x.yaml:3:7: data.train: is missing"));
  REQUIRE_THROWS_WITH(load("run: {name: x}\nmodel: {init: m}\ndata: {train: []}\n"),
                      ContainsSubstring("data.train: must hold at least one source"));
  REQUIRE_THROWS_WITH(load("run: {name: x}\nmodel: {init: m}\ndata: {train: [{format: triples}]}\n"),
                      ContainsSubstring("data.train[0].path: is missing"));
  REQUIRE_THROWS_WITH(load("run: {name: x}\nmodel:\n"), ContainsSubstring("x.yaml:2:1: model: no value"));
}

TEST_CASE("RunConfig: run.cuda_graphs is refused with fp32 and with activation checkpointing, and the error says what it needs", "[train][unit]") {
  REQUIRE(load(kSmallest, {"run.cuda_graphs=true"}).run.cuda_graphs);
  REQUIRE_THROWS_WITH(load(kSmallest, {"run.cuda_graphs=true", "precision.compute=fp32"}),
                      ContainsSubstring("run.cuda_graphs: needs precision.compute: bf16 or fp16"));
  REQUIRE_THROWS_WITH(load(kSmallest, {"run.cuda_graphs=true", "memory.activation_checkpointing=blocks"}),
                      ContainsSubstring("run.cuda_graphs: needs memory.activation_checkpointing: none"));
}

TEST_CASE("RunConfig: keep_best names a metric that the evaluations of the run make, or the error lists them", "[train][unit]") {
  const std::string sets = std::string(kSmallest) + "eval: {retrieval: [{protocol: coco5k, path: p}, {name: v, format: csv, path: p}], "
                           "zeroshot: [{name: z, path: p}]}\n";
  for (const std::string good : {"eval_coco5k_i2t_R@1", "eval_v_long_t2i_R@10", "eval_z_top1", "eval_z_top5", "none"}) load(sets, {"checkpoint.keep_best=" + good});
  REQUIRE_THROWS_WITH(load(sets + "checkpoint: {keep_best: eval_coco5k_long_i2t_R@1}\n"),
                      ContainsSubstring("x.yaml:5:25: checkpoint.keep_best: no metric has the name 'eval_coco5k_long_i2t_R@1'") &&
                          ContainsSubstring("eval_coco5k_i2t_R@1, ") && ContainsSubstring("eval_v_short_t2i_R@10"));
  REQUIRE_THROWS_WITH(load(kSmallest, {"checkpoint.keep_best=eval_v_t2i_R@1"}), ContainsSubstring("eval measures nothing"));
}

TEST_CASE("RunConfig: a protocol stands in place of a format, and may give the name", "[train][unit]") {
  const auto set = [](const std::string& entry) { return load(std::string(kSmallest) + "eval: {retrieval: [{" + entry + "}]}\n").eval.retrieval[0]; };
  REQUIRE(set("protocol: docci, path: p").label() == "docci");
  REQUIRE(set("protocol: docci, path: p, name: d").label() == "d");
  REQUIRE(load(dump_config(load(std::string(kSmallest) + "eval: {retrieval: [{protocol: docci, path: /p}]}\n"))).eval.retrieval[0].protocol ==
          RetrievalProtocol::kDocci);
  REQUIRE_THROWS_WITH(set("protocol: docci, path: p, format: csv"), ContainsSubstring("protocol: excludes"));
  REQUIRE_THROWS_WITH(set("protocol: docci, path: p, captions_per_picture: 1"), ContainsSubstring("is decided by the protocol"));
  REQUIRE_THROWS_WITH(set("protocol: none, path: p, name: x"), ContainsSubstring("format: is missing"));
  REQUIRE_THROWS_WITH(set("format: csv, path: p"), ContainsSubstring("name: is missing"));
  REQUIRE_THROWS_WITH(set("protocol: urban2k, path: p"), ContainsSubstring("urban1k"));
}

TEST_CASE("RunConfig: a file that cannot be read is an error that names it", "[train][unit]") {
  REQUIRE_THROWS_WITH(load_run_config("/nowhere/x.yaml"), ContainsSubstring("/nowhere/x.yaml"));
}

TEST_CASE("RunConfig: values out of range are refused with their key", "[train][unit]") {
  for (const std::string bad : {"run.name=a/b",
                                "run.name=..",
                                "run.seed=-1",
                                "run.stop_after_steps=0",
                                "optim.lr=-1e-6",
                                "optim.eps=0",
                                "optim.betas=[0.9, 1]",
                                "optim.max_grad_norm=0",
                                "optim.freeze=[text, text]",
                                "optim.freeze=[nose]",
                                "optim.max_skipped_steps=0",
                                "schedule.epochs=0",
                                "schedule.steps=0",
                                "schedule.warmup_steps=-1",
                                "loss.long_weight=-1",
                                "loss.label_smoothing=1",
                                "loss.initial_logit_scale=100",
                                "loss.max_logit_scale=1",
                                "loss.pcm.components=0",
                                "loss.pcm.energy=1.1",
                                "loss.pcm.side=left",
                                "data.pairs_per_step=1",
                                "data.workers=0",
                                "data.prefetch_steps=0",
                                "data.max_bad_fraction=1.5",
                                "data.max_image_pixels=0",
                                "data.train[0].weight=0",
                                "data.train[0].limit=0",
                                "data.train[0].format=parquet",
                                "precision.compute=fp64",
                                "memory.micro_pairs_per_rank=0",
                                "distributed.timeout_seconds=0",
                                "checkpoint.every_steps=-1",
                                "checkpoint.every_minutes=-1",
                                "checkpoint.keep_last=0",
                                "checkpoint.keep_every_steps=0",
                                "checkpoint.on_error=ignore",
                                "checkpoint.retry_seconds=-1",
                                "log.every_steps=0",
                                "log.level=loud",
                                "eval.every_steps=5",
                                "eval.pairs_per_batch=0",
                                "eval.retrieval=[{name: a b, format: triples, path: p}]",
                                "eval.zeroshot=[{name: a b, path: p}]",
                                "eval.zeroshot=[{name: a, path: p, pictures_per_class: 0}]"}) {
    CAPTURE(bad);
    const std::string key = bad.substr(0, bad.find('='));
    REQUIRE_THROWS_WITH(load(kSmallest, {bad}),
                        ContainsSubstring("--set " + bad + ": ") && ContainsSubstring(": " + key));
  }
  const std::string twice =
      "eval: {retrieval: [{name: a, format: triples, path: p}, {name: a, format: triples, path: q}]}\n";
  REQUIRE_THROWS_WITH(load(kSmallest + twice), ContainsSubstring("eval.retrieval: holds the name 'a' twice"));
  REQUIRE_THROWS_WITH(load(kSmallest + std::string("eval: {zeroshot: [{name: a, path: p}, {name: a, path: q}]}\n")),
                      ContainsSubstring("eval.zeroshot: holds the name 'a' twice"));
  REQUIRE_THROWS_WITH(load(kSmallest, {"loss.long_weight=0", "loss.short_weight=0"}),
                      ContainsSubstring("nothing to train"));
}

TEST_CASE("RunConfig: every file in configs/ and data/recipes/ loads and survives being written", "[train][unit]") {
  for (const auto& [folder, least] : {std::pair{"configs", 8}, {"data/recipes", 6}}) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / folder)) {
      if (entry.path().extension() != ".yaml") continue;
      CAPTURE(entry.path());
      const RunConfig config = load_run_config(entry.path());
      REQUIRE(load(dump_config(config)) == config);
      ++files;
    }
    REQUIRE(files >= least);
  }
}

TEST_CASE("RunConfig: the recipe of ViT-B/16 spells out the defaults", "[train][unit]") {
  const RunConfig recipe = load_run_config(test::source_dir() / "configs" / "longclip_vitb16.yaml");
  REQUIRE(recipe.loss == LossConfig{});
  REQUIRE(recipe.optim == OptimConfig{});
  REQUIRE(recipe.schedule == ScheduleConfig{});
  REQUIRE(recipe.precision == PrecisionConfig{});
}

TEST_CASE("RunConfig: an ablation differs from the recipe in its own key alone", "[train][unit]") {
  const auto configs = test::source_dir() / "configs";
  const RunConfig recipe = load_run_config(configs / "longclip_vitb16.yaml");
  for (const auto& [file, key] : {std::pair{"ablation_no_pcm.yaml", "loss.pcm.side"},
                                  {"ablation_global_pcm.yaml", "loss.pcm.scope"},
                                  {"ablation_short_weight_0.1.yaml", "loss.short_weight"}}) {
    const auto differences = resume_differences(recipe, load_run_config(configs / file));
    CAPTURE(file);
    REQUIRE(differences.size() == 2);
    REQUIRE(differences[0].key == key);
    REQUIRE(differences[1].key == "run.name");
  }
}

TEST_CASE("resume_differences: keys that are free to change are not listed, all others are", "[train][unit]") {
  const RunConfig before = load(kSmallest);
  RunConfig now = before;
  REQUIRE(resume_differences(before, now).empty());
  now.log.every_steps = 5;
  now.schedule.steps = 9;
  now.data.workers = 3;
  now.data.changed = ChangedData::kNextEpoch;
  now.run.dir = "/elsewhere";
  now.eval.retrieval.resize(2);
  REQUIRE(resume_differences(before, now).empty());
  REQUIRE(config_hash(before) == config_hash(now));
  now.optim.lr = 2e-6;
  now.data.train.push_back(before.data.train[0]);
  const auto differences = resume_differences(before, now);
  REQUIRE(differences.size() == 12);  // eleven keys of the new source, and the learning rate
  REQUIRE(differences[0].key == "data.train[1].format");
  REQUIRE(differences[0].before.empty());
  REQUIRE(differences[11].key == "optim.lr");
  REQUIRE(differences[11].before == "1.0e-06");
  REQUIRE(differences[11].now == "2.0e-06");
  REQUIRE(config_hash(before) != config_hash(now));
}

TEST_CASE("docs/config.md is what the lists of fields say", "[train][unit]") {
  INFO("make it again: longclip train --config-reference > docs/config.md");
  REQUIRE(test::read_text(test::source_dir() / "docs" / "config.md") == config_reference_markdown());
}

TEST_CASE("RunConfig: each config file that YAML readers disagree about gets its documented verdict",
          "[train][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("YAML traps", "cases/13_yaml_traps");
  struct Trap {
    const char* file;
    int line;  // 0: accepted
    const char* says;
  };
  for (const Trap& trap :
       std::initializer_list<Trap>{{"plain", 0, ""},
                                   {"exponent_without_point", 0, ""},
                                   {"exponent_capital", 0, ""},
                                   {"crlf_bom", 0, ""},
                                   {"anchor", 0, ""},
                                   {"quoted_number", 6, "optim.lr"},
                                   {"tab", 5, "a tab cannot indent"},
                                   {"merge_key", 8, "<<"},
                                   {"duplicate_key", 6, "duplicate key 'optim.lr'"},
                                   {"duplicate_section", 10, "duplicate section 'optim'"},
                                   {"typo", 7, "'schedule.warm_up_steps'; did you mean 'warmup_steps'"},
                                   {"octal", 7, "schedule.warmup_steps: '010' looks octal"},
                                   {"underscore", 7, "schedule.warmup_steps"},
                                   {"fraction", 5, "data.pairs_per_step: a whole number is wanted"},
                                   {"inf", 6, "optim.lr: must be finite"},
                                   {"negative", 6, "optim.lr: must not be negative"},
                                   {"bool_yes", 9, "checkpoint.keep_last"},
                                   {"null", 5, "data.pairs_per_step: no value"},
                                   {"empty", 1, "nothing in the file"},
                                   {"list", 1, "the top level must be sections"},
                                   {"two_documents", 10, "a second document"}}) {
    const std::filesystem::path file = *cases / "13_yaml_traps" / (std::string(trap.file) + ".yaml");
    CAPTURE(file);
    if (trap.line == 0) {
      REQUIRE(load_run_config(file).optim.lr == 1e-6);
      REQUIRE(load_run_config(file).optim.weight_decay == 0.01);
    } else {
      REQUIRE_THROWS_WITH(
          load_run_config(file),
          ContainsSubstring(file.string() + ":" + std::to_string(trap.line) + ":") && ContainsSubstring(trap.says));
    }
  }
}

TEST_CASE("RunConfig: the config files of the other cases are accepted", "[train][golden]") {
  const auto cases = test::cases_dir();
  if (!cases) return test::say_skipped("config files of the cases", "cases");
  int files = 0;
  for (const auto& folder : std::filesystem::directory_iterator(*cases)) {
    if (!folder.is_directory() || folder.path().filename() == "13_yaml_traps") continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".yaml") continue;
      CAPTURE(entry.path());
      REQUIRE_NOTHROW(load_run_config(entry.path()));
      ++files;
    }
  }
  REQUIRE(files > 0);
}

}  // namespace longclip
