#pragma once
// train/feature_file.h -- what `longclip encode` writes and `longclip search` reads: features, what each row is of, and the
// model they came from. The layout: docs/encode.md.
// Shapes: K pictures, M texts, E joint embedding, W width of a tower, T tokens of all texts.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/clip.h"
#include "tensors/safetensors_stream.h"
#include "train/encode_features.h"

namespace longclip {

/// What the rows are of, and which model computed them.
struct FeatureLabels {
  std::vector<std::string> images, texts;  ///< names of pictures and the texts, in the order of the rows
  std::string model;                       ///< the checkpoint's path
  std::string weights_sha256;              ///< weights_hash() of the model
};

struct FeatureFile {
  at::Tensor image_KE, text_ME;  ///< float32; undefined where there are none
  FeatureLabels labels;          ///< empty where the file does not say
};

/// SHA-256 over all tensors: the same weights have the same hash, whatever file they were read from.
std::string weights_hash(const TensorMap& weights);

/// The parts that a .safetensors file of features holds beside them; their rows are written as they come.
struct FeatureParts {
  bool patches = false;  ///< image_patch_features [K, patches, W]
  bool tokens = false;   ///< text_token_features [T, W], text_token_ids [T], text_lengths [M]
};

/// Computes and writes features piece by piece: of what is as large as parts, no more than a batch is in memory.
/// Throws DataError naming what cannot be read, Stopped after a signal; nothing is left behind then.
void encode_to_safetensors(const std::filesystem::path& out, const Clip& model, const FeatureLabels& labels, const TokenizedTexts& texts,
                           const FeatureParts& parts, const EncodeOptions& options);
/// Features of pictures or of texts, whichever there are, as one matrix; the labels go to `out` with .json for .npy.
void encode_to_npy(const std::filesystem::path& out, const Clip& model, const FeatureLabels& labels, const TokenizedTexts& texts,
                   const EncodeOptions& options);

/// Reads the features of either kind of file. A .npy without its .json holds features of pictures.
/// Throws DataError naming the file and what is wrong with it.
FeatureFile read_feature_file(const std::filesystem::path& path);

/// "photos.npy" -> "photos.json".
std::filesystem::path labels_beside(const std::filesystem::path& npy);

}  // namespace longclip
