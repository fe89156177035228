// tensors/free_blocks.cpp -- see tensors/free_blocks.h
#include "tensors/free_blocks.h"

#include <algorithm>
#include <iterator>

namespace longclip {

FreeBlocks::FreeBlocks(size_t capacity_bytes) {
  if (capacity_bytes > 0) insert(0, capacity_bytes);
}

void FreeBlocks::insert(size_t offset, size_t bytes) {
  free_.emplace(offset, bytes);
  free_by_size_.emplace(bytes, offset);
}

void FreeBlocks::erase(std::map<size_t, size_t>::iterator block) {
  free_by_size_.erase({block->second, block->first});
  free_.erase(block);
}

std::optional<size_t> FreeBlocks::take(size_t bytes) {
  const auto fitting = free_by_size_.lower_bound({bytes, 0});
  if (fitting == free_by_size_.end()) return std::nullopt;
  const auto [available, offset] = *fitting;
  erase(free_.find(offset));
  if (available > bytes) insert(offset + bytes, available - bytes);
  taken_.emplace(offset, bytes);
  touched_ = std::max(touched_, offset + bytes);
  return offset;
}

void FreeBlocks::give_back(size_t offset) {
  const auto taken = taken_.find(offset);
  size_t begin = offset, end = offset + taken->second;
  taken_.erase(taken);
  auto next = free_.lower_bound(begin);
  if (next != free_.end() && next->first == end) {
    end += next->second;
    erase(next++);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == begin) {
      begin = before->first;
      erase(before);
    }
  }
  insert(begin, end - begin);
}

std::vector<FreeBlocks::Block> FreeBlocks::free_and_touched() const {
  std::vector<Block> blocks;
  for (const auto& [offset, bytes] : free_) {
    if (offset < touched_) blocks.push_back({offset, std::min(bytes, touched_ - offset)});
  }
  return blocks;
}

}  // namespace longclip
