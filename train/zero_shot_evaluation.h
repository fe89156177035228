#pragma once
// train/zero_shot_evaluation.h -- accuracy of a model on one folder of labelled pictures, in the run and in
// `longclip eval zeroshot`.

#include "data/class_folders.h"
#include "dist/communicator.h"
#include "eval/eval_config.h"
#include "eval/zero_shot.h"
#include "train/encode_features.h"

namespace longclip {

/// What is classified, and what with.
struct ZeroShotSet {
  ClassFolders folders;
  ClassNames names;                    ///< [class]
  std::vector<std::string> templates;  ///< `{}` stands for the class
};

/// Throws DataError naming the folder or file: no classes, a class without pictures or name, a template without `{}`.
ZeroShotSet load_zero_shot_set(const ZeroShotConfig& config);

/// The prompts of a class are all templates with all its names. Each rank encodes its share of prompts and pictures; the
/// scores are those of one rank, on every rank. With options.keep_going, pictures that cannot be read are left out.
/// Collective: yes. Throws DataError naming what cannot be read.
ZeroShotScores evaluate_zero_shot(const Clip& model, const ZeroShotSet& set, const EncodeOptions& options, Communicator& comm);

/// The accuracy as keys of a metrics line: eval_<name>_top1, eval_<name>_top5.
Json to_metrics(const std::string& name, const ZeroShotScores& scores);

}  // namespace longclip
