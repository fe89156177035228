// train/commands/search.cpp -- longclip search FEATURES --text "...": the pictures that fit a text best, from encoded features.
#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/log.h"
#include "eval/best_candidates.h"
#include "model/clip_file.h"
#include "train/commands/commands.h"
#include "train/commands/item_list.h"
#include "train/commands/model_options.h"
#include "train/feature_file.h"

namespace longclip {
namespace {

struct SearchCommand {
  std::string features;
  ModelOptions model;
  DecodeOptions decode;
  std::vector<std::string> texts, images;
  std::string list;  ///< a file of texts, or "-"
  std::string among;
  int64_t top = 10;
  bool jsonl = false, json = false;
};

/// What is searched: rows and what to call them.
struct Candidates {
  std::string kind;  ///< "image" or "text"
  at::Tensor feature_CE;
  std::vector<std::string> names;
  std::vector<int64_t> rows;  ///< in the file
};

/// Without rows that are NaN: pictures that could not be read.
void leave_out_broken(Candidates& candidates) {
  const at::Tensor kept = candidates.feature_CE.isfinite().all(1).nonzero().flatten();
  const auto* row = kept.const_data_ptr<int64_t>();
  std::vector<std::string> names;
  for (int64_t i = 0; i < kept.numel(); ++i) {
    candidates.rows.push_back(row[i]);
    names.push_back(candidates.names.empty() ? fmt::format("row {}", row[i]) : std::move(candidates.names[static_cast<size_t>(row[i])]));
  }
  candidates.names = std::move(names);
  if (kept.numel() < candidates.feature_CE.size(0)) candidates.feature_CE = candidates.feature_CE.index_select(0, kept);
}

Candidates choose_candidates(FeatureFile file, const SearchCommand& command) {
  const bool images = command.among.empty() ? file.image_KE.defined() : command.among == "images";
  Candidates candidates = images ? Candidates{"image", file.image_KE, std::move(file.labels.images), {}}
                                 : Candidates{"text", file.text_ME, std::move(file.labels.texts), {}};
  require<InputError>(candidates.feature_CE.defined(), "{}: holds no features of {}s", command.features, candidates.kind);
  leave_out_broken(candidates);
  return candidates;
}

/// The model that the features are of: the one given, or the one that the file names, and with the weights it had then.
Clip load_searching_model(const SearchCommand& command, const FeatureFile& file, int64_t width) {
  ModelOptions options = command.model;
  if (options.checkpoint.empty()) options.checkpoint = file.labels.model;
  require<InputError>(!options.checkpoint.empty(), "{}: does not say which model its features are of; give it with --model", command.features);
  require<InputError>(std::filesystem::exists(options.checkpoint), "{}: no such checkpoint ({} names it); give the model with --model", options.checkpoint,
                      command.model.checkpoint.empty() ? command.features : "--model");
  Clip model = load_model(options);
  require<InputError>(model.architecture().embed_dim == width, "{}: features of {} numbers, but {} makes features of {}", command.features, width,
                      options.checkpoint, model.architecture().embed_dim);
  const std::string& recorded = file.labels.weights_sha256;
  if (recorded.empty()) {
    log_warning("{}: does not say which weights its features are of; whether they are those of {} is not checked", command.features, options.checkpoint);
  } else if (const std::string hash = weights_hash(model.weights()); hash != recorded) {
    fail<InputError>("{}: the features are of {} with other weights ({}) than {} has ({}): give that checkpoint with --model, or encode again",
                     command.features, file.labels.model, recorded.substr(0, 12), options.checkpoint, hash.substr(0, 12));
  }
  return model;
}

class Search {
 public:
  Search(const SearchCommand& command, Candidates candidates, Clip model)
      : command_(command), candidates_(std::move(candidates)), model_(std::move(model)), options_(encode_options(command.model)) {
    options_.decode = command.decode;
    options_.show_progress = false;
  }

  void find_text(const std::string& text) {
    const EncodedTexts encoded = encode_texts(model_, {text}, options_);
    if (encoded.truncated > 0) log_warning("the text is longer than the model's {} ids and was cut: {}", model_.architecture().context_length, text);
    print("text", text, encoded.text_ME);
  }
  void find_image(const std::string& image) { print("image", image, encode_pictures(model_, {PictureEntry(image)}, options_)); }

 private:
  void print(const char* kind, const std::string& query, const at::Tensor& query_1E) const {
    const std::vector<Candidate> best = best_candidates(query_1E, candidates_.feature_CE, command_.top).at(0);
    Json results = Json::array();
    std::string table = query + "\n";
    for (size_t i = 0; i < best.size(); ++i) {
      const auto at = static_cast<size_t>(best[i].index);
      results.push_back({{"rank", i + 1}, {candidates_.kind, candidates_.names[at]}, {"row", candidates_.rows[at]}, {"score", best[i].score}});
      table += fmt::format("{:>5}  {:7.4f}  {}\n", i + 1, best[i].score, candidates_.names[at]);
    }
    std::cout << (command_.json ? to_json_line({{kind, query}, {"results", std::move(results)}}) + "\n" : table) << std::flush;
    require<std::runtime_error>(std::cout.good(), "cannot write to stdout");
  }

  const SearchCommand& command_;
  Candidates candidates_;
  Clip model_;
  EncodeOptions options_;
};

/// Answers every text of a list as soon as it is there.
void find_list(Search& search, const SearchCommand& command) {
  if (command.list == "-") {
    ListReader lines(std::cin, "stdin", {.key = "text", .jsonl = command.jsonl});
    while (const auto text = lines.next()) search.find_text(text->value);
    return;
  }
  for (const ListItem& text : read_list(command.list, "text", command.jsonl)) search.find_text(text.value);
}

int search_features(const SearchCommand& command) {
  require<InputError>(!command.texts.empty() || !command.images.empty() || !command.list.empty(),
                      "nothing to search for: give --text, --texts or --image");
  const FeatureFile file = read_feature_file(command.features);
  Candidates candidates = choose_candidates(file, command);
  Clip model = load_searching_model(command, file, candidates.feature_CE.size(1));
  Search search(command, std::move(candidates), std::move(model));
  for (const std::string& text : command.texts) search.find_text(text);
  for (const std::string& image : command.images) search.find_image(image);
  if (!command.list.empty()) find_list(search, command);
  return kExitDone;
}

}  // namespace

void add_search_command(CLI::App& app, Run& run) {
  auto options = std::make_shared<SearchCommand>();
  CLI::App* command = app.add_subcommand("search", "Find the pictures that fit a text best, in features that `longclip encode` wrote");
  command->add_option("FEATURES", options->features, "A .safetensors or .npy file of `longclip encode`")->required();
  command->add_option("--text", options->texts, "What to search for; several are searched one after the other");
  command->add_option("--texts", options->list, "A list of them: one a line; .jsonl: {\"text\": ...} a line; -: from stdin, answered line by line");
  command->add_option("--image", options->images, "Pictures to search for: what is like them");
  command->add_option("--top", options->top, "How many are shown")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--among", options->among, "images or texts of the file [images, if it holds any]")->check(CLI::IsMember({"images", "texts"}));
  command->add_option("--model", options->model.checkpoint, "The checkpoint that the features are of [the one that the file names]");
  add_compute_options(*command, options->model);
  add_decode_options(*command, options->decode);
  command->add_flag("--jsonl", options->jsonl, "The list or stdin is JSONL, whatever its name");
  command->add_flag("--json", options->json, "Print one object a query: {\"text\", \"results\": [{\"rank\", \"image\", \"row\", \"score\"}]}");
  command->footer(
      "The score is the cosine. Scores closer than 1e-6 count as equal: the first row comes first. A model with other weights than those of the features is an error.\n"
      "Example:\n  longclip encode runs/mine --images photos --out photos.safetensors\n"
      "  longclip search photos.safetensors --text 'a red bus in front of a brick house' --top 5\n"
      "  longclip search photos.safetensors --image photos/bus.jpg --json");
  command->callback([options, &run] { run = [options] { return search_features(*options); }; });
}

}  // namespace longclip
