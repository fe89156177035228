// tensors/safetensors_stream.cpp -- see tensors/safetensors_stream.h
#include "tensors/safetensors_stream.h"

#include <c10/util/accumulate.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "tensors/safetensors_dtypes.h"
#include "tensors/shape.h"

namespace longclip {
namespace {

std::string make_header(const std::vector<DeclaredTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  Json header;
  for (const auto& [key, value] : metadata) header[kSafetensorsMetadata][key] = value;
  header[kSafetensorsMetadata]["format"] = "pt";
  uint64_t offset = 0;
  for (const DeclaredTensor& tensor : tensors) {
    const uint64_t end = offset + static_cast<uint64_t>(c10::multiply_integers(tensor.sizes)) * c10::elementSize(tensor.dtype);
    header[tensor.name] = {{"dtype", kSafetensorsTypes[safetensors_type(tensor.dtype, tensor.name)].name}, {"shape", tensor.sizes}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

size_t safetensors_type(at::ScalarType dtype, const std::string& tensor_name) {
  const auto* found = std::ranges::find(kSafetensorsDtypes, dtype);
  if (found != kSafetensorsDtypes.end()) return static_cast<size_t>(found - kSafetensorsDtypes.begin());
  fail<std::runtime_error>("tensor '{}' has a type that safetensors cannot hold", tensor_name);
}

SafetensorsStream::SafetensorsStream(const std::filesystem::path& path, std::vector<DeclaredTensor> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : output_(path), tensors_(std::move(tensors)) {
  const std::string header = make_header(tensors_, metadata);
  const uint64_t length = header.size();
  output_.write(&length, sizeof length);
  output_.write(header.data(), header.size());
  if (!tensors_.empty()) missing_ = c10::multiply_integers(tensors_[0].sizes);
  skip_complete();
}

void SafetensorsStream::append(const at::Tensor& rows) {
  if (rows.numel() == 0) return;
  require<ShapeError>(at_ < tensors_.size(), "every declared tensor is written, {} are too many", shape_text(rows.sizes()));
  const DeclaredTensor& tensor = tensors_[at_];
  const bool same_width = rows.dim() == static_cast<int64_t>(tensor.sizes.size()) &&
                          (rows.dim() == 0 || rows.sizes().slice(1) == at::IntArrayRef(tensor.sizes).slice(1));
  require<ShapeError>(same_width && rows.scalar_type() == tensor.dtype && rows.numel() <= missing_, "{} do not fit tensor '{}' {}",
                      shape_text(rows.sizes()), tensor.name, shape_text(tensor.sizes));
  const at::Tensor bytes = rows.detach().cpu().contiguous();
  output_.write(bytes.const_data_ptr(), bytes.nbytes());
  missing_ -= rows.numel();
  skip_complete();
}

void SafetensorsStream::skip_complete() {
  while (missing_ == 0 && at_ < tensors_.size()) {
    if (++at_ < tensors_.size()) missing_ = c10::multiply_integers(tensors_[at_].sizes);
  }
}

void SafetensorsStream::commit() {
  require<ShapeError>(at_ == tensors_.size(), "{} numbers of tensor '{}' are missing", missing_, at_ < tensors_.size() ? tensors_[at_].name : "");
  output_.commit();
}

}  // namespace longclip
