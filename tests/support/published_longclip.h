#pragma once
// tests/support/published_longclip.h -- values of the published LongCLIP-B: pickles of dicts whose tensors are torch files of
// PyTorch before 1.6 inside byte strings. Found by their names and never executed.

#include <string>
#include <vector>

namespace longclip::test {

class PublishedPickle {
 public:
  /// A file of data_dir() / golden_longclip_b. Throws where it cannot be read.
  explicit PublishedPickle(const std::string& file);
  /// The last `num_bytes` of the tensor's file, which are its numbers.
  std::string tensor_bytes(const std::string& name, size_t num_bytes) const;
  /// The first `count` texts of the list `texts`.
  std::vector<std::string> texts(size_t count) const;

 private:
  size_t after(const std::string& name) const;
  std::string bytes_;
};

}  // namespace longclip::test
