// train/commands/inspect_tensors.cpp -- a checkpoint or any file of tensors: names, shapes, hashes, norms.
#include <ATen/ops/linalg_vector_norm.h>

#include <iostream>
#include <map>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/signals.h"
#include "model/clip_file.h"
#include "tensors/shape.h"
#include "tensors/tensor_file.h"
#include "train/commands/inspect.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

constexpr int64_t kShownValues = 16;

/// PyTorch's names of types.
std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat: return "float32";
    case at::kDouble: return "float64";
    case at::kHalf: return "float16";
    case at::kBFloat16: return "bfloat16";
    case at::kLong: return "int64";
    case at::kInt: return "int32";
    case at::kShort: return "int16";
    case at::kChar: return "int8";
    case at::kByte: return "uint8";
    case at::kBool: return "bool";
    default: return c10::toString(dtype);
  }
}

double norm_of(const at::Tensor& tensor) { return at::linalg_vector_norm(tensor.to(at::kDouble)).item<double>(); }

Json describe(const at::Tensor& tensor) {
  const at::Tensor hashed = (tensor.is_floating_point() ? tensor.to(at::kFloat) : tensor).contiguous();
  Json values = Json::array();
  const at::Tensor flat = tensor.flatten();
  for (int64_t i = 0; i < std::min(flat.numel(), kShownValues); ++i) {
    tensor.is_floating_point() ? values.push_back(flat[i].item<double>()) : values.push_back(flat[i].item<int64_t>());
  }
  Json json = {{"dtype", dtype_name(tensor.scalar_type())}, {"shape", Json::array()}};
  for (const int64_t size : tensor.sizes()) json["shape"].push_back(size);
  json["sha256"] = sha256_hex({static_cast<const uint8_t*>(hashed.const_data_ptr()), hashed.nbytes()});
  json["norm"] = norm_of(tensor);
  json["values"] = std::move(values);
  return json;
}

Json describe(const TensorMap& tensors) {
  Json json = Json::object();
  for (const auto& [name, tensor] : tensors) {
    throw_if_stop_requested();
    json[name] = describe(tensor);
  }
  return json;
}

int64_t count_elements(const TensorMap& tensors) {
  int64_t count = 0;
  for (const auto& [name, tensor] : tensors) count += tensor.numel();
  return count;
}

/// Tensors by type, as the file stores them.
Json count_dtypes(const TensorMap& tensors) {
  std::map<std::string, int64_t> counts;
  for (const auto& [name, tensor] : tensors) ++counts[dtype_name(tensor.scalar_type())];
  return counts;
}

std::string positions_text(const Architecture& a) {
  if (!a.stretch) return fmt::format("{} text positions, not stretched", a.context_length);
  return fmt::format("{} text positions, stretched from {}; the first {} stay as they are, the others are trained",
                     a.context_length, a.stretch->source_length, a.stretch->keep);
}

Json describe(const ClipWeights& clip) {
  return {{"kind", "checkpoint"},
          {"format", clip.source_format},
          {"architecture", to_json(clip.architecture)},
          {"positions", positions_text(clip.architecture)},
          {"parameters", count_elements(clip.tensors)},
          {"notes", clip.notes},
          {"tensors", describe(clip.tensors)}};
}

/// One line a tensor. Names come from strangers: they are escaped, so that they cannot steer the terminal.
std::string table_of(const Json& tensors) {
  std::string table;
  for (const auto& [name, tensor] : tensors.items()) {
    table += fmt::format("  {:<58} {:<9} {:<18} norm {:.6g}\n", to_json_line(name), tensor["dtype"].get<std::string>(),
                         tensor["shape"].dump(), tensor["norm"].get<double>());
  }
  return table;
}

void print(const InspectOptions& options, const Json& json) {
  if (options.json) {
    std::cout << to_json_line(json) << std::endl;
    return;
  }
  for (const auto& [key, value] : json.items()) {
    if (key != "tensors")
      std::cout << fmt::format("{:<18}{}\n", key, value.is_string() ? value.get<std::string>() : to_json_line(value));
  }
  std::cout << table_of(json.at("tensors")) << std::flush;
}

}  // namespace

void inspect_tensors(const InspectOptions& options) {
  const fs::path path = options.path;
  const fs::path file = fs::is_directory(path) ? path / kModelFile : path;
  Json stored;
  if (fs::exists(file))
    stored = count_dtypes(read_tensor_file(file).tensors);  // read alone first: two copies may not fit
  std::string reason;
  try {
    Json json = describe(read_clip(path));
    if (!stored.is_null()) json["stored_types"] = stored;
    return print(options, json);
  } catch (const DataError& error) {
    if (fs::is_directory(path)) throw;
    reason = error.what();
  }
  const TensorFile raw = read_tensor_file(path);
  print(options, {{"kind", "tensors"},
                  {"format", raw.format},
                  {"not_a_checkpoint", reason},
                  {"elements", count_elements(raw.tensors)},
                  {"ignored", raw.ignored},
                  {"metadata", raw.metadata},
                  {"tensors", describe(raw.tensors)}});
}

}  // namespace longclip
