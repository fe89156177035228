// tensors/packed_sequences.cpp -- see tensors/packed_sequences.h
#include "tensors/packed_sequences.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "base/error.h"
#include "tensors/transfer.h"

namespace longclip {
namespace {

void check_total(const PackedOffsets& packed) {
  require<ShapeError>(packed.num_tokens() <= INT32_MAX, "{} tokens in one step are too many", packed.num_tokens());
}

}  // namespace

PackedOffsets pack_lengths(const std::vector<int64_t>& lengths, at::Device device) {
  PackedOffsets packed;
  packed.offsets.reserve(lengths.size() + 1);
  packed.offsets.push_back(0);
  for (const int64_t length : lengths) {
    require<ShapeError>(length >= 1, "a packed sequence has {} tokens, at least 1 is needed", length);
    packed.offsets.push_back(packed.offsets.back() + length);
    packed.max_length = std::max(packed.max_length, length);
  }
  check_total(packed);
  packed.offsets_N1 = to_device(at::tensor(std::vector<int>(packed.offsets.begin(), packed.offsets.end()), at::kInt), device);
  return packed;
}

PackedOffsets pack_equal(int64_t count, int64_t length, at::Device device) {
  PackedOffsets packed;
  for (int64_t i = 0; i <= count; ++i) packed.offsets.push_back(i * length);
  packed.max_length = length;
  check_total(packed);
  packed.offsets_N1 = at::arange(0, count * length + 1, length, at::TensorOptions().dtype(at::kInt).device(device));
  return packed;
}

int64_t text_length(const std::vector<int32_t>& ids, int64_t eos_id) {
  return std::find(ids.begin(), ids.end(), static_cast<int32_t>(eos_id)) - ids.begin() + 1;
}

PackedTexts pack_texts(const std::vector<std::vector<int32_t>>& ids, int64_t eos_id, int64_t max_length, at::Device device) {
  std::vector<int64_t> lengths, flat, positions, eot_rows;
  for (size_t text = 0; text < ids.size(); ++text) {
    const int64_t length = text_length(ids[text], eos_id);
    require<ShapeError>(length <= static_cast<int64_t>(ids[text].size()) && length <= max_length,
                        "text {} of the batch has no end-of-text id {} within {} positions", text, eos_id, max_length);
    lengths.push_back(length);
    for (int64_t i = 0; i < length; ++i) {
      flat.push_back(ids[text][static_cast<size_t>(i)]);
      positions.push_back(i);
    }
    eot_rows.push_back(static_cast<int64_t>(flat.size()) - 1);
  }
  const auto move = [&](const std::vector<int64_t>& values) { return to_device(at::tensor(values, at::kLong), device); };
  return {move(flat), move(positions), move(eot_rows), pack_lengths(lengths, device)};
}

std::vector<std::vector<int32_t>> filler_texts(int64_t num_tokens, int64_t granule, int64_t eos_id, int64_t max_length) {
  const int64_t count = (granule + max_length - 1) / max_length + 1;
  const int64_t wanted = (num_tokens + count + granule - 1) / granule * granule - num_tokens;  // from count to count + granule - 1
  std::vector<std::vector<int32_t>> fillers;
  for (int64_t i = 0; i < count; ++i) {
    fillers.emplace_back(static_cast<size_t>((i + 1) * wanted / count - i * wanted / count), 0);
    fillers.back().back() = static_cast<int32_t>(eos_id);
  }
  return fillers;
}

}  // namespace longclip
