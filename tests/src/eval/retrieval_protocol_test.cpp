// tests/src/eval/retrieval_protocol_test.cpp -- what a protocol's name decides, and the names of the metrics.
#include "eval/retrieval_protocol.h"

#include "eval/metric_names.h"
#include "support/catch.h"
#include "support/reference_data.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

RetrievalConfig of(RetrievalProtocol protocol, const fs::path& path) {
  RetrievalConfig config;
  config.protocol = protocol;
  config.path = path;
  config.images = {"/given"};
  return resolve_protocol(config);
}

}  // namespace

TEST_CASE("resolve_protocol: a folder becomes the caption file in it, with its pictures before those given", "[eval][unit]") {
  const test::TemporaryFolder folder;
  const RetrievalConfig coco = of(RetrievalProtocol::kCoco5k, folder.path());
  CHECK(coco.format == SourceFormat::kCoco);
  CHECK(coco.path == folder / "annotations/captions_val2017.json");
  CHECK(coco.images == std::vector<fs::path>{folder / "val2017", "/given"});
  CHECK(coco.captions_per_picture == 5);
  CHECK(coco.captions == RetrievalCaptions::kLong);
  CHECK(of(RetrievalProtocol::kUrban1k, folder.path()).path == folder.path());
}

TEST_CASE("resolve_protocol: a file is taken as it is, and the split is that of the protocol", "[eval][unit]") {
  const RetrievalConfig karpathy = of(RetrievalProtocol::kFlickr30k1k, "/data/dataset_flickr30k.json");
  CHECK(karpathy.path == "/data/dataset_flickr30k.json");
  CHECK(karpathy.images == std::vector<fs::path>{"/given"});
  CHECK(karpathy.split == "test");
  CHECK_FALSE(of(RetrievalProtocol::kFlickr30k1k, "/data/test_1k.txt").split);
  CHECK_FALSE(of(RetrievalProtocol::kFlickr30k31k, "/data/results_20130124.token").split);
  CHECK(of(RetrievalProtocol::kSharegpt4v1k, "/data/captions.json").split == "val");
}

TEST_CASE("resolve_protocol: without a protocol nothing changes", "[eval][unit]") {
  RetrievalConfig config;
  config.path = "/data/rows.jsonl";
  CHECK(resolve_protocol(config) == config);
  CHECK(protocol_difference(config, 3, 4).empty());
}

TEST_CASE("protocol_difference: the counts that papers report, of each protocol", "[eval][unit]") {
  for (const auto& [protocol, pictures, captions] :
       {std::tuple<RetrievalProtocol, int64_t, int64_t>{RetrievalProtocol::kUrban1k, 1000, 1000},
        {RetrievalProtocol::kSharegpt4v1k, 1000, 1000},
        {RetrievalProtocol::kDocci, 5000, 5000},
        {RetrievalProtocol::kCoco5k, 5000, 25000},
        {RetrievalProtocol::kFlickr30k1k, 1000, 5000},
        {RetrievalProtocol::kFlickr30k31k, 31783, 158915}}) {
    const RetrievalConfig config = of(protocol, "/data");
    CHECK(protocol_difference(config, pictures, captions).empty());
    CHECK_THAT(protocol_difference(config, pictures - 1, captions), ContainsSubstring(std::string(enum_name(protocol))));
    CHECK_FALSE(protocol_difference(config, pictures, captions + 1).empty());
  }
}

TEST_CASE("metric_names: every set in both directions at each k, by its name or that of its protocol", "[eval][unit]") {
  EvalConfig config;
  config.retrieval.resize(2);
  config.retrieval[0].name = "val";
  config.retrieval[1].protocol = RetrievalProtocol::kCoco5k;
  const std::vector<std::string> names = metric_names(config);
  CHECK(names.size() == 12 + 6);
  for (const char* name : {"eval_val_long_i2t_R@1", "eval_val_short_t2i_R@10", "eval_coco5k_t2i_R@5"}) {
    CHECK(std::ranges::count(names, name) == 1);
  }
}

}  // namespace longclip
