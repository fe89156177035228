// tensors/pt_file.cpp -- the containers around a torch pickle, and a writer of the newer one.
// Layout: ROOT/data.pkl, ROOT/data/KEY for each storage, ROOT/byteorder (torch/serialization.py, _save and _load).
#include "tensors/pt_file.h"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <bit>
#include <exception>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "tensors/atomic_output.h"
#include "tensors/legacy_pt.h"
#include "tensors/pickle_opcodes.h"
#include "tensors/pickle_tensors.h"
#include "tensors/zip_archive.h"

namespace longclip {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian");

/// The first bytes tell the container.
enum class Container { kZip, kPickle, kTar, kOther };

Container container_of(std::span<const uint8_t> bytes) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (all.starts_with("PK")) return Container::kZip;
  if (all.starts_with('\x80')) return Container::kPickle;
  constexpr size_t kTarMark = 257;
  if (all.size() > kTarMark && all.substr(kTarMark).starts_with("ustar")) return Container::kTar;
  return Container::kOther;
}

TensorFile read_zip(const std::filesystem::path& path, const TensorRequest& request) {
  const ZipArchive archive(path);
  const std::string root = archive.root();
  if (archive.contains(root + "/byteorder")) {
    const auto order = archive.read(root + "/byteorder");
    require<DataError>(std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) == "little",
                       "{}: was written on a big-endian machine; load and save it on a little-endian one",
                       path.string());
  }
  const Pickle pickle(archive.read(root + "/data.pkl"), path.string());
  const PickledStorages storages{
      .path = path.string(),
      .file_size = archive.file_size(),
      .bytes_of = [&](const std::string& key) { return archive.read(root + "/data/" + key); },
      .release_pages = [&] { archive.release_pages(); }};
  TensorFile file = collect_tensors(pickle, storages, request);
  file.format = archive.contains(root + "/constants.pkl") ? "TorchScript" : "torch.save";
  return file;
}

/// Writes the opcodes of data.pkl that torch.load(weights_only=True) accepts.
class PickleWriter {
 public:
  std::string write(const TensorMap& tensors) {
    put(op::kProto);
    put(uint8_t{2});
    put(op::kEmptyDict);
    put(op::kMark);
    size_t index = 0;
    for (const auto& [name, tensor] : tensors) {
      text(name);
      this->tensor(tensor, storage_of_dtype(tensor.scalar_type(), name), std::to_string(index++));
    }
    put(op::kSetItems);
    put(op::kStop);
    return std::move(out_);
  }

 private:
  template <class T> void put(T value) { out_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view value) {
    put(op::kBinUnicode);
    put(static_cast<uint32_t>(value.size()));
    out_ += value;
  }
  void integer(int64_t value) {
    put(op::kLong1);
    put(uint8_t{8});
    put(value);
  }
  void tuple(at::IntArrayRef values) {
    put(op::kMark);
    for (const int64_t value : values) integer(value);
    put(op::kTuple);
  }
  void global(std::string_view module, std::string_view name) {
    put(op::kGlobal);
    out_.append(module).append("\n").append(name).append("\n");
  }
  /// _rebuild_tensor_v2(storage, 0, sizes, strides, False, OrderedDict()) of a contiguous tensor.
  void tensor(const at::Tensor& tensor, const std::string& storage_type, const std::string& key) {
    global("torch._utils", "_rebuild_tensor_v2");
    put(op::kMark);
    put(op::kMark);
    text("storage");
    global("torch", storage_type);
    text(key);
    text("cpu");
    integer(tensor.numel());
    put(op::kTuple);
    put(op::kBinPersId);
    integer(0);
    tuple(tensor.sizes());
    std::vector<int64_t> strides(static_cast<size_t>(tensor.dim()), 1);
    for (size_t d = strides.size(); d-- > 1;)
      strides[d - 1] = strides[d] * std::max<int64_t>(tensor.size(static_cast<int64_t>(d)), 1);
    tuple(strides);
    put(op::kNewFalse);
    global("collections", "OrderedDict");
    put(op::kEmptyTuple);
    put(op::kReduce);
    put(op::kTuple);
    put(op::kReduce);
  }

  std::string out_;
};

}  // namespace

TensorFile read_pt(const std::filesystem::path& path, const TensorRequest& request) {
  const MappedFile file(path);
  switch (container_of(file.bytes())) {
    case Container::kZip: return read_zip(path, request);
    case Container::kPickle: return read_legacy_pt(file, path.string(), request);
    case Container::kTar:
      fail<DataError>(
          "{}: a tar file, as PyTorch wrote before 0.1.10 (2017), which is not read; load it in Python with "
          "weights_only=False, if you trust it, and save it again",
          path.string());
    case Container::kOther: break;
  }
  fail<DataError>("{}: not a .pt file: {}", path.string(),
                  file.bytes().empty() ? "it is empty" : "it begins neither as a zip file nor as a pickle");
}

void write_pt(const std::filesystem::path& path, const TensorMap& tensors) {
  const std::string pickle = PickleWriter().write(tensors);
  AtomicOutput output(path);
  std::exception_ptr failure;
  // The writer's destructor writes too, so nothing may be thrown through it: a failure is kept until the end.
  const auto keep_failure = [&](const void* data, size_t size) {
    try {
      if (!failure) output.write(data, size);
    } catch (...) {
      failure = std::current_exception();
    }
    return size;
  };
  {
    caffe2::serialize::PyTorchStreamWriter writer(keep_failure);
    writer.writeRecord("data.pkl", pickle.data(), pickle.size());
    writer.writeRecord("byteorder", "little", 6);
    size_t index = 0;
    for (const auto& [name, tensor] : tensors) {
      const at::Tensor bytes = tensor.detach().cpu().contiguous();
      writer.writeRecord("data/" + std::to_string(index++), bytes.const_data_ptr(), bytes.nbytes());
    }
    writer.writeEndOfFile();
  }
  if (failure) std::rethrow_exception(failure);
  output.commit();
}

}  // namespace longclip
