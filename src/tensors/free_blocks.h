#pragma once
// tensors/free_blocks.h -- which parts of a stretch of memory are taken: best fit, and free neighbours become one. It only
// counts; the memory itself belongs to the caller. Torch-free, not thread-safe.

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace longclip {

class FreeBlocks {
 public:
  struct Block {
    size_t offset, bytes;
  };

  explicit FreeBlocks(size_t capacity_bytes);

  /// Offset of `bytes` > 0 that are free, in the smallest block that has as many; the lowest of equals. Nothing if there is none.
  std::optional<size_t> take(size_t bytes);
  /// Frees what take() gave, whole.
  void give_back(size_t offset);

  /// Free blocks below the end of the highest block ever taken, in order: nothing behind that was touched.
  std::vector<Block> free_and_touched() const;

 private:
  void insert(size_t offset, size_t bytes);
  void erase(std::map<size_t, size_t>::iterator block);

  std::map<size_t, size_t> free_, taken_;           // offset -> bytes
  std::set<std::pair<size_t, size_t>> free_by_size_;  // bytes, offset
  size_t touched_ = 0;
};

}  // namespace longclip
