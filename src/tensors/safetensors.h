#pragma once
// tensors/safetensors.h -- the safetensors format: u64 header length, JSON header, raw little-endian data.
// Source: huggingface/safetensors, safetensors/src/tensor.rs; its checks are ours.

#include <filesystem>
#include <map>
#include <string>

#include "tensors/tensor_map.h"

namespace longclip {

/// Reads all tensors into memory of their own (a file that is replaced later changes nothing).
/// Types: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL. Throws DataError "PATH: ..." naming the tensor and the cause: header
/// longer than the file or 100 MB, not JSON, duplicate name, unknown type, sizes that overflow or disagree with the
/// data, data that overlaps, has holes, or does not fill the file.
/// Memory: the wanted tensors, and of the file no more than the largest of them at a time.
TensorFile read_safetensors(const std::filesystem::path& path, const TensorRequest& request = {});

/// Writes the tensors, one at a time, all or nothing. Any device and strides. Bytes are those of the reference library:
/// sorted by type, then name; header padded to 8 bytes. "format": "pt" is always in the metadata, as Hugging Face
/// wants.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace longclip
