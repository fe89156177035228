// model/captured_towers.cpp -- see model/captured_towers.h
#include "model/captured_towers.h"

#include <bit>

namespace longclip {
namespace {

/// The trained parameters of one tower.
std::vector<at::Tensor> trained(Clip& model, bool of_vision) {
  std::vector<at::Tensor> tensors;
  for (const Parameter& parameter : model.trained_parameters()) {
    if (parameter.name != "logit_scale" && parameter.name.starts_with("visual.") == of_vision) tensors.push_back(parameter.tensor);
  }
  return tensors;
}

/// The number of tokens is rounded up to a multiple of this: at most 64 different ones for `num_texts`, and about 2 % more work.
int64_t token_granule(int64_t num_texts, int64_t context_length) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(num_texts * context_length + 63) / 64));
}

}  // namespace

CapturedTowers::CapturedTowers(Clip& model, const ForwardOptions& options)
    : model_(model), options_(options), image_memory_(trained(model, true)), text_memory_(trained(model, false)) {}

at::Tensor CapturedTowers::encode_image(const at::Tensor& image_B3SS) {
  auto found = image_calls_.find(image_B3SS.size(0));
  if (found == image_calls_.end()) {
    const auto encode = [this](const std::vector<at::Tensor>& inputs) { return model_.encode_image(inputs[0], options_); };
    found = image_calls_.emplace(image_B3SS.size(0), CapturedCall(encode, {image_B3SS}, image_memory_)).first;
  }
  return found->second({image_B3SS});
}

at::Tensor CapturedTowers::encode_text(std::vector<std::vector<int32_t>> ids) {
  const Architecture& architecture = model_.architecture();
  const auto num_texts = static_cast<int64_t>(ids.size());
  const int64_t eos = architecture.eos_id, context = architecture.context_length;
  int64_t num_tokens = 0;
  for (const auto& text : ids) num_tokens += text_length(text, eos);
  for (auto& filler : filler_texts(num_tokens, token_granule(num_texts, context), eos, context)) ids.push_back(std::move(filler));
  const PackedTexts packed = pack_texts(ids, eos, context, at::kCPU);

  const std::vector<at::Tensor> inputs{packed.ids_T.pin_memory(), packed.positions_T.pin_memory(), packed.eot_rows_N.pin_memory(), packed.rows.offsets_N1.pin_memory()};
  const std::pair key{num_texts, packed.rows.num_tokens()};
  auto found = text_calls_.find(key);
  if (found == text_calls_.end()) {
    PackedOffsets rows = packed.rows;  // numbers of texts and tokens; where each text begins is an input
    rows.max_length = context;
    const auto encode = [this, rows](const std::vector<at::Tensor>& given) mutable {
      rows.offsets_N1 = given[3];
      return model_.encode_text({given[0], given[1], given[2], rows}, options_);
    };
    std::vector<at::Tensor> on_device;
    for (const at::Tensor& input : inputs) on_device.push_back(input.to(model_.device()));
    found = text_calls_.emplace(key, CapturedCall(encode, on_device, text_memory_)).first;
  }
  return found->second(inputs).narrow(0, 0, num_texts);
}

}  // namespace longclip
