// train/himo_evaluation.cpp -- all subtexts of all K are encoded at once, each picture once.
#include "train/himo_evaluation.h"

#include "base/error.h"
#include "base/log.h"
#include "data/retrieval_set.h"
#include "eval/retrieval_protocol.h"
#include "text/caption.h"
#include "train/shared_encoding.h"

namespace longclip {
namespace {

/// Subtexts of one picture: `count` texts from `first` on.
struct Ladder {
  int64_t picture = 0, first = 0, count = 0;
};

/// What one K is computed from.
struct Rung {
  std::optional<int64_t> k;
  std::vector<Ladder> ladders;
};

struct Subtexts {
  std::vector<std::string> texts;
  std::vector<Rung> rungs;

  void add(Rung& rung, int64_t picture, const std::vector<std::string>& growing) {
    rung.ladders.push_back({picture, std::ssize(texts), std::ssize(growing)});
    texts.insert(texts.end(), growing.begin(), growing.end());
  }
};

Subtexts cut_captions(const RetrievalSet& set, const std::vector<int64_t>& ks) {
  Subtexts subtexts;
  for (const int64_t k : ks) {
    Rung rung{.k = k, .ladders = {}};
    for (size_t caption = 0; caption < set.captions.size(); ++caption) {
      const std::vector<std::string> growing = growing_subtexts(set.captions[caption], k);
      if (!growing.empty()) subtexts.add(rung, set.picture_of_caption[caption], growing);
    }
    require<DataError>(!rung.ladders.empty(), "HiMo@{}: not one of the {} captions has {} sentences", k, set.captions.size(), k);
    if (rung.ladders.size() < set.captions.size()) {
      log_info("HiMo@{}: {} of {} captions have {} sentences", k, rung.ladders.size(), set.captions.size(), k);
    }
    subtexts.rungs.push_back(std::move(rung));
  }
  return subtexts;
}

Subtexts given_captions(const RetrievalSet& set) {
  Subtexts subtexts;
  Rung rung;
  std::vector<std::vector<std::string>> growing(set.pictures.size());
  for (size_t i = 0; i < set.captions.size(); ++i) growing[static_cast<size_t>(set.picture_of_caption[i])].push_back(set.captions[i]);
  for (size_t picture = 0; picture < growing.size(); ++picture) {
    require<DataError>(growing[picture].size() >= 2, "{}: row {} has one caption; growing subtexts are at least two",
                       set.pictures[picture].name, set.pictures[picture].row);
    subtexts.add(rung, static_cast<int64_t>(picture), growing[picture]);
  }
  subtexts.rungs.push_back(std::move(rung));
  return subtexts;
}

}  // namespace

std::vector<HimoResult> evaluate_himo(const Clip& model, const HimoJob& job, Communicator& comm) {
  const RetrievalConfig config = resolve_protocol(job.set);
  const auto captions_used = job.ks.empty() ? std::nullopt : std::optional<int64_t>(1);
  const RetrievalSet set = load_retrieval_set(config, CaptionKind::kLong, /*bad_lines_allowed=*/false, captions_used);
  const Subtexts subtexts = job.ks.empty() ? given_captions(set) : cut_captions(set, job.ks);
  const SharedEncoder encoder(model, job.encode, comm);
  const at::Tensor image_KE = encoder.pictures(set.pictures).to(at::kDouble);
  const EncodedTexts encoded = encoder.texts(subtexts.texts);
  if (encoded.truncated > 0) {
    log_warning("{} of {} subtexts are longer than the model's {} positions and were cut", encoded.truncated, subtexts.texts.size(),
                model.architecture().context_length);
  }
  const at::Tensor text_ME = encoded.text_ME.to(at::kDouble);
  std::vector<HimoResult> results;
  for (const Rung& rung : subtexts.rungs) {
    std::vector<std::vector<double>> scores;
    for (const Ladder& ladder : rung.ladders) {
      const at::Tensor row = text_ME.narrow(0, ladder.first, ladder.count).mv(image_KE[ladder.picture]).contiguous();
      scores.emplace_back(row.const_data_ptr<double>(), row.const_data_ptr<double>() + ladder.count);
    }
    results.push_back({rung.k, himo_scores(scores)});
  }
  return results;
}

Json to_json(const std::vector<HimoResult>& results) {
  Json json = Json::array();
  for (const HimoResult& result : results) {
    json.push_back({{"k", result.k ? Json(*result.k) : Json()},
                    {"value", result.value()},
                    {"measure", result.by_correlation() ? "pearson" : "monotone"},
                    {"monotone", result.scores.monotone},
                    {"pearson", result.scores.pearson},
                    {"pairs", result.scores.pairs}});
  }
  return json;
}

std::string to_table(const std::vector<HimoResult>& results) {
  std::string table = "             HiMo@K   monotone   correlation   pairs\n";
  for (const HimoResult& result : results) {
    table += fmt::format("{:<9}{:>10}{:>10.2f}%{:>14.3f}{:>8}\n", result.k ? fmt::format("K = {}", *result.k) : "given",
                         result.by_correlation() ? fmt::format("{:.3f}", result.value()) : fmt::format("{:.2f}%", 100 * result.value()),
                         100 * result.scores.monotone, result.scores.pearson, result.scores.pairs);
  }
  return table;
}

}  // namespace longclip
