// train/feature_file.cpp -- see train/feature_file.h
#include "train/feature_file.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <cstring>
#include <numeric>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "image/picture_names.h"
#include "tensors/npy.h"
#include "tensors/safetensors.h"

namespace longclip {
namespace {

constexpr const char* kModelKey = "features_of_model";
constexpr const char* kHashKey = "features_of_weights_sha256";

std::vector<PictureEntry> entries_of(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

/// A JSON list of texts as bytes: it may be larger than a header of the format may be.
at::Tensor to_bytes(const std::vector<std::string>& texts) {
  const std::string json = to_json_line(Json(texts));
  at::Tensor bytes = at::empty({std::ssize(json)}, at::kByte);
  std::memcpy(bytes.data_ptr(), json.data(), json.size());
  return bytes;
}

std::vector<std::string> texts_of(const Json& json, const std::string& where) {
  require<DataError>(json.is_array(), "{}: must be a list of texts", where);
  std::vector<std::string> texts;
  for (const Json& text : json) {
    require<DataError>(text.is_string(), "{}: must be a list of texts", where);
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

at::Tensor lengths_of(const TokenizedTexts& texts) {
  std::vector<int> lengths;
  for (const auto& ids : texts.ids) lengths.push_back(static_cast<int>(ids.size()));
  return at::tensor(lengths, at::kInt);
}

at::Tensor ids_of(const TokenizedTexts& texts) {
  std::vector<int> all;
  for (const auto& ids : texts.ids) all.insert(all.end(), ids.begin(), ids.end());
  return at::tensor(all, at::kInt);
}

DeclaredTensor declared(const std::string& name, const at::Tensor& tensor) { return {name, tensor.scalar_type(), tensor.sizes().vec()}; }

at::Tensor find(const TensorFile& file, const std::string& name) {
  const auto found = file.tensors.find(name);
  return found == file.tensors.end() ? at::Tensor() : found->second;
}

FeatureFile read_safetensors_features(const std::filesystem::path& path) {
  const TensorFile file = read_safetensors(path, {.wanted = [](const std::string& name) {
    return name == "image_features" || name == "text_features" || name == "image_names" || name == "texts";
  }});
  FeatureFile features{.image_KE = find(file, "image_features"), .text_ME = find(file, "text_features"), .labels = {}};
  for (const auto& [name, texts] : {std::pair{"image_names", &features.labels.images}, {"texts", &features.labels.texts}}) {
    const at::Tensor bytes = find(file, name);
    if (!bytes.defined()) continue;
    const std::string where = fmt::format("{}: {}", path.string(), name);
    require<DataError>(bytes.scalar_type() == at::kByte, "{}: must be bytes", where);
    const std::string_view text(reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()), static_cast<size_t>(bytes.numel()));
    *texts = texts_of(parse_json(text, where), where);
  }
  if (const auto model = file.metadata.find(kModelKey); model != file.metadata.end()) features.labels.model = model->second;
  if (const auto hash = file.metadata.find(kHashKey); hash != file.metadata.end()) features.labels.weights_sha256 = hash->second;
  return features;
}

FeatureFile read_npy_features(const std::filesystem::path& path) {
  const std::filesystem::path beside = labels_beside(path);
  FeatureFile features{.image_KE = read_npy(path), .text_ME = {}, .labels = {}};
  if (!std::filesystem::exists(beside)) return features;
  const std::string where = beside.string();
  const Json json = parse_json(read_file(beside), where);
  require<DataError>(json.is_object() && json.contains("images") != json.contains("texts"), "{}: must be an object with images or texts", where);
  for (const auto& [key, text] : {std::pair{kModelKey, &features.labels.model}, {kHashKey, &features.labels.weights_sha256}}) {
    if (json.contains(key) && json[key].is_string()) *text = json[key].get<std::string>();
  }
  if (json.contains("images")) {
    features.labels.images = texts_of(json["images"], where + ": images");
  } else {
    features.labels.texts = texts_of(json["texts"], where + ": texts");
    std::swap(features.image_KE, features.text_ME);
  }
  return features;
}

/// Features are matrices of float32, with as many labels as rows where there are labels.
void check_rows(const at::Tensor& features, const std::vector<std::string>& labels, const std::string& what) {
  if (!features.defined()) return;
  require<DataError>(features.dim() == 2 && features.scalar_type() == at::kFloat, "{} must be a float32 matrix", what);
  require<DataError>(labels.empty() || std::ssize(labels) == features.size(0), "{}: {} rows, but {} names", what, features.size(0), labels.size());
}

}  // namespace

std::string weights_hash(const TensorMap& weights) {
  Sha256 hash;
  for (const auto& [name, tensor] : weights) {
    const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    hash.update(name + '\n');
    hash.update({static_cast<const uint8_t*>(values.const_data_ptr()), values.nbytes()});
  }
  return hash.hex();
}

void encode_to_safetensors(const std::filesystem::path& out, const Clip& model, const FeatureLabels& labels, const TokenizedTexts& texts,
                           const FeatureParts& parts, const EncodeOptions& options) {
  const Architecture& architecture = model.architecture();
  const auto pictures = std::ssize(labels.images), rows = std::ssize(texts.ids);
  const at::Tensor lengths_M = lengths_of(texts), ids_T = ids_of(texts), names = to_bytes(labels.images), written = to_bytes(labels.texts);
  const bool patches = pictures > 0 && parts.patches, tokens = rows > 0 && parts.tokens;
  std::vector<DeclaredTensor> tensors;
  if (patches) tensors.push_back({"image_patch_features", at::kFloat, {pictures, architecture.image_tokens() - 1, architecture.vision.width}});
  if (tokens) tensors.push_back({"text_token_features", at::kFloat, {ids_T.numel(), architecture.text.width}});
  if (pictures > 0) tensors.push_back({"image_features", at::kFloat, {pictures, architecture.embed_dim}});
  if (rows > 0) tensors.push_back({"text_features", at::kFloat, {rows, architecture.embed_dim}});
  if (tokens) tensors.insert(tensors.end(), {declared("text_token_ids", ids_T), declared("text_lengths", lengths_M)});
  if (pictures > 0) tensors.push_back(declared("image_names", names));
  if (rows > 0) tensors.push_back(declared("texts", written));

  SafetensorsStream stream(out, std::move(tensors), {{kModelKey, labels.model}, {kHashKey, labels.weights_sha256}});
  const auto take = [&stream](const at::Tensor& batch) { stream.append(batch); };
  const at::Tensor image_KE = encode_pictures(model, entries_of(labels.images), options, patches ? TakeParts(take) : TakeParts());
  const at::Tensor text_ME = encode_ids(model, texts, options, tokens ? TakeParts(take) : TakeParts());
  stream.append(image_KE);
  stream.append(text_ME);
  if (tokens) stream.append(ids_T);
  if (tokens) stream.append(lengths_M);
  if (pictures > 0) stream.append(names);
  if (rows > 0) stream.append(written);
  stream.commit();
}

void encode_to_npy(const std::filesystem::path& out, const Clip& model, const FeatureLabels& labels, const TokenizedTexts& texts,
                   const EncodeOptions& options) {
  const bool of_images = !labels.images.empty();
  const at::Tensor features = of_images ? encode_pictures(model, entries_of(labels.images), options) : encode_ids(model, texts, options);
  const Json json{{kModelKey, labels.model}, {kHashKey, labels.weights_sha256}, {of_images ? "images" : "texts", of_images ? labels.images : labels.texts}};
  write_file_atomically(labels_beside(out), to_json_line(json) + "\n");
  write_npy(out, features);
}

FeatureFile read_feature_file(const std::filesystem::path& path) {
  const bool npy = lower_case(path.extension().string()) == ".npy";
  FeatureFile features = npy ? read_npy_features(path) : read_safetensors_features(path);
  require<DataError>(features.image_KE.defined() || features.text_ME.defined(), "{}: holds neither image_features nor text_features; `longclip encode` writes them",
                     path.string());
  check_rows(features.image_KE, features.labels.images, path.string() + ": the features of pictures");
  check_rows(features.text_ME, features.labels.texts, path.string() + ": the features of texts");
  return features;
}

std::filesystem::path labels_beside(const std::filesystem::path& npy) { return std::filesystem::path(npy).replace_extension(".json"); }

}  // namespace longclip
