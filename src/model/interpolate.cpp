// model/interpolate.cpp -- see model/interpolate.h
#include "model/interpolate.h"

#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>

#include <fmt/format.h>

#include "base/error.h"
#include "model/weight_names.h"

namespace longclip {
namespace {

/// "/text/width" without the record of stretching, which changes no computation.
template <class A> Json flat_sizes(A architecture) {
  architecture.stretch.reset();
  return to_json(architecture).flatten();
}

template <class A> std::string stretch_command(const A& short_one, const A& long_one, const std::string& name) {
  const Stretch stretch = long_one.stretch.value_or(Stretch{.keep = 20, .ratio = 4, .source_length = 77});
  const bool by_ratio = stretch.ratio && *stretch.ratio * (short_one.context_length - stretch.keep) + stretch.keep ==
                                             long_one.context_length;
  const std::string how =
      by_ratio ? fmt::format("--ratio {}", *stretch.ratio) : fmt::format("--to {}", long_one.context_length);
  return fmt::format(
      "\n{} has fewer text positions; stretch it first:\n  longclip stretch {} OUT.safetensors --keep {} {}", name,
      name, stretch.keep, how);
}

template <class A> void check_same(const A& a, const A& b, const std::string& a_name, const std::string& b_name) {
  const Json sizes_a = flat_sizes(a), sizes_b = flat_sizes(b);
  std::vector<std::string> differences;
  for (const auto& [key, value] : sizes_a.items()) {
    if (sizes_b.value(key, Json()) != value)
      differences.push_back(
          fmt::format("{}: {} and {}", key.substr(1), to_json_line(value), to_json_line(sizes_b.value(key, Json()))));
  }
  const std::string way_out = a.context_length < b.context_length   ? stretch_command(a, b, a_name)
                              : b.context_length < a.context_length ? stretch_command(b, a, b_name)
                                                                    : "";
  require<InputError>(differences.empty(), "{} and {} are different models:{}{}", a_name, b_name,
                      list_text(differences), way_out);
  require<InputError>(
      !a.stretch || !b.stretch || *a.stretch == *b.stretch,
      "{} and {} were stretched differently (keep, ratio or source length; `longclip inspect` shows them), so "
      "a row of the one is no row of the other",
      a_name, b_name);
}

template <class W> AnyWeights between(W a, W b, double weight, const std::string& a_name, const std::string& b_name) {
  check_same(a.architecture, b.architecture, a_name, b_name);
  W result{.architecture = b.architecture, .tensors = {}};
  if (!result.architecture.stretch) result.architecture.stretch = a.architecture.stretch;
  if (weight == 0 || weight == 1) {
    result.tensors = weight == 0 ? std::move(a.tensors) : std::move(b.tensors);
    return result;
  }
  for (const auto& [name, tensor] : a.tensors) {
    result.tensors[name] = at::add(at::mul(tensor, 1 - weight), at::mul(b.tensors.at(name), weight));
  }
  return result;
}

}  // namespace

AnyWeights interpolate(AnyWeights a, AnyWeights b, double weight, const std::string& a_name,
                       const std::string& b_name) {
  require<InputError>(weight >= 0 && weight <= 1, "the weight {} must be in 0..1: 0 gives {}, 1 gives {}", weight,
                      a_name, b_name);
  auto* clip_a = std::get_if<ClipWeights>(&a);
  auto* clip_b = std::get_if<ClipWeights>(&b);
  require<InputError>(
      (clip_a == nullptr) == (clip_b == nullptr),
      "{} is a text encoder alone and {} a whole CLIP; `longclip export --format text-encoder --projection` "
      "writes the text encoder of a CLIP",
      clip_a == nullptr ? a_name : b_name, clip_a == nullptr ? b_name : a_name);
  if (clip_a != nullptr) return between(std::move(*clip_a), std::move(*clip_b), weight, a_name, b_name);
  return between(std::get<TextEncoderWeights>(std::move(a)), std::get<TextEncoderWeights>(std::move(b)), weight, a_name,
                 b_name);
}

}  // namespace longclip
