// train/retrieval_report.cpp -- see train/retrieval_report.h
#include "train/retrieval_report.h"

#include "base/error.h"
#include "eval/metric_names.h"

namespace longclip {
namespace {

Json with_curve(const CaptionScores& scores) {
  Json json = to_json(static_cast<const RetrievalScores&>(scores));
  for (const auto& [n, cut] : scores.by_max_tokens) {
    const Json recalls = to_json(cut);
    json["by_max_tokens"].push_back(
        {{"max_tokens", n}, {"image_to_text", recalls.at("image_to_text")}, {"text_to_image", recalls.at("text_to_image")}});
  }
  return json;
}

/// R@1 against the length of the captions.
std::string curve_table(const CaptionScores& scores) {
  if (scores.by_max_tokens.empty()) return "";
  std::string table = "captions cut to   image to text R@1   text to image R@1\n";
  const auto add = [&table](const std::string& length, const RetrievalScores& cut) {
    table += fmt::format("{:<15}{:>19.2f}%{:>19.2f}%\n", length, 100 * cut.image_to_text[0], 100 * cut.text_to_image[0]);
  };
  for (const auto& [n, cut] : scores.by_max_tokens) add(fmt::format("{} tokens", n), cut);
  add("not cut", scores);
  return table;
}

/// The row of each picture, and which of its captions a caption is.
struct Places {
  explicit Places(const RetrievalSet& set) {
    std::vector<int64_t> seen(set.pictures.size());
    for (const int64_t picture : set.picture_of_caption) number_of_caption.push_back(seen[static_cast<size_t>(picture)]++);
  }
  std::vector<int64_t> number_of_caption;
};

void append_lines(const std::string& kind, const CaptionScores& scores, std::string& lines) {
  const RetrievalSet& set = scores.set;
  const Places places(set);
  const auto caption_place = [&](size_t caption, Json& json) {
    json["row"] = set.pictures[static_cast<size_t>(set.picture_of_caption[caption])].row;
    json["caption"] = places.number_of_caption[caption];
  };
  const auto picture_place = [&](size_t picture, Json& json) {
    json["row"] = set.pictures[picture].row;
    json["picture"] = set.pictures[picture].name;
  };
  const auto append = [&](const char* direction, int64_t rank, Json query, Json best) {
    query.update({{"captions", kind}, {"direction", direction}, {"rank", rank}, {"best", std::move(best)}});
    lines += to_json_line(query) + "\n";
  };
  const auto list = [](const std::vector<Candidate>& best, const auto& place) {
    Json json = Json::array();
    for (const Candidate& candidate : best) {
      Json& entry = json.emplace_back(Json{{"score", candidate.score}});
      place(static_cast<size_t>(candidate.index), entry);
    }
    return json;
  };
  for (size_t picture = 0; picture < set.pictures.size(); ++picture) {
    Json query;
    picture_place(picture, query);
    append("image_to_text", scores.rank_of_picture[picture], std::move(query), list(scores.best_of_picture[picture], caption_place));
  }
  for (size_t caption = 0; caption < set.captions.size(); ++caption) {
    Json query = {{"text", set.captions[caption]}};
    caption_place(caption, query);
    append("text_to_image", scores.rank_of_caption[caption], std::move(query), list(scores.best_of_caption[caption], picture_place));
  }
}

}  // namespace

Json to_json(const ScoresByCaptions& scores) {
  if (scores.size() == 1) return with_curve(scores.begin()->second);
  Json json;
  for (const auto& [captions, recalls] : scores) json[captions] = with_curve(recalls);
  return json;
}

std::string to_table(const ScoresByCaptions& scores) {
  std::string table;
  for (const auto& [captions, recalls] : scores) {
    table += fmt::format("{} captions\n{}{}", captions, to_table(static_cast<const RetrievalScores&>(recalls)), curve_table(recalls));
  }
  return table;
}

std::string ranks_to_lines(const ScoresByCaptions& scores) {
  std::string lines;
  for (const auto& [captions, recalls] : scores) append_lines(captions, recalls, lines);
  return lines;
}

Json to_metrics(const std::string& name, const ScoresByCaptions& scores) {
  Json metrics;
  for (const auto& [captions, recalls] : scores) {
    const std::string kind = scores.size() > 1 ? captions : "";
    for (size_t i = 0; i < recalls.ks.size(); ++i) {
      metrics[retrieval_metric(name, kind, true, recalls.ks[i])] = recalls.image_to_text[i];
      metrics[retrieval_metric(name, kind, false, recalls.ks[i])] = recalls.text_to_image[i];
    }
  }
  return metrics;
}

}  // namespace longclip
