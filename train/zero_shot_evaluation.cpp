// train/zero_shot_evaluation.cpp -- see train/zero_shot_evaluation.h
#include "train/zero_shot_evaluation.h"

#include "base/error.h"
#include "base/file.h"
#include "eval/metric_names.h"
#include "text/prompts.h"
#include "train/shared_encoding.h"

namespace longclip {
namespace {

at::Tensor encode_classes(const SharedEncoder& encoder, const ZeroShotSet& set) {
  std::vector<std::string> prompts;
  std::vector<int64_t> class_of_prompt;
  for (size_t i = 0; i < set.names.size(); ++i) {
    for (const std::string& name : set.names[i]) {
      for (const std::string& prompt_template : set.templates) {
        prompts.push_back(fill_template(prompt_template, name));
        class_of_prompt.push_back(static_cast<int64_t>(i));
      }
    }
  }
  return class_features(encoder.texts(prompts).text_ME, class_of_prompt, static_cast<int64_t>(set.names.size()));
}

}  // namespace

ZeroShotSet load_zero_shot_set(const ZeroShotConfig& config) {
  ZeroShotSet set;
  set.folders = load_class_folders(config.path, config.pictures_per_class);
  set.names = config.classes ? read_class_names(*config.classes, set.folders.folders) : names_of_folders(set.folders.folders);
  set.templates = config.templates_file ? parse_templates(read_file(*config.templates_file), config.templates_file->string())
                                        : published_templates(enum_name(config.templates));
  return set;
}

ZeroShotScores evaluate_zero_shot(const Clip& model, const ZeroShotSet& set, const EncodeOptions& options, Communicator& comm) {
  const SharedEncoder encoder(model, options, comm);
  const at::Tensor class_CE = encode_classes(encoder, set);
  at::Tensor image_KE = encoder.pictures(set.folders.pictures);
  std::vector<int64_t> class_of_picture = set.folders.class_of_picture;
  const at::Tensor read_K = image_KE.ne(0).any(1);  // SharedEncoder: the rows of the others are 0
  if (!read_K.all().item<bool>()) {
    std::erase_if(class_of_picture, [&, i = int64_t{0}](int64_t) mutable { return !read_K[i++].item<bool>(); });
    require<DataError>(!class_of_picture.empty(), "not one picture of the zero-shot set can be read");
    image_KE = image_KE.index_select(0, read_K.nonzero().flatten());
  }
  return zero_shot_scores(image_KE, class_CE, class_of_picture);
}

Json to_metrics(const std::string& name, const ZeroShotScores& scores) {
  return {{zero_shot_metric(name, 1), scores.top1}, {zero_shot_metric(name, 5), scores.top5}};
}

}  // namespace longclip
