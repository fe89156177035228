#pragma once
// tensors/packed_sequences.h -- token sequences of different lengths laid end to end, without padding.
// Shapes: N sequences, T tokens in all (sum of the lengths).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace longclip {

/// Where each sequence begins and ends in a packed [T, ...] tensor.
struct PackedOffsets {
  std::vector<int64_t> offsets;  ///< [N+1], offsets[0] = 0, offsets[N] = T
  at::Tensor offsets_N1;         ///< the same, int32, on the device of the data (flash kernels read it there)
  int64_t max_length = 0;

  int64_t num_sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t num_tokens() const { return offsets.back(); }
  int64_t length(int64_t sequence) const {
    const auto i = static_cast<size_t>(sequence);
    return offsets[i + 1] - offsets[i];
  }
};

/// Offsets of sequences with these lengths (each at least 1).
PackedOffsets pack_lengths(const std::vector<int64_t>& lengths, at::Device device);
/// Offsets of `count` sequences of one length.
PackedOffsets pack_equal(int64_t count, int64_t length, at::Device device);

/// Texts ready for the text tower.
struct PackedTexts {
  at::Tensor ids_T;        ///< int64 token ids, SOT ... EOT of each text
  at::Tensor positions_T;  ///< int64, counted from 0 in each text
  at::Tensor eot_rows_N;   ///< int64, the row of each text's first EOT: its last row
  PackedOffsets rows;
};

/// Ids up to and with the first `eos_id`; one more than there are where a text has none.
int64_t text_length(const std::vector<int32_t>& ids, int64_t eos_id);

/// Packs texts up to and with their first `eos_id`; what follows it cannot change the feature (the tower is causal).
/// Throws ShapeError if a text has no `eos_id` within `max_length` ids.
PackedTexts pack_texts(const std::vector<std::vector<int32_t>>& ids, int64_t eos_id, int64_t max_length, at::Device device);

/// Texts to add to `num_tokens` tokens so that there are a multiple of `granule`: always as many texts, each with 1 to `max_length` ids.
std::vector<std::vector<int32_t>> filler_texts(int64_t num_tokens, int64_t granule, int64_t eos_id, int64_t max_length);

}  // namespace longclip
