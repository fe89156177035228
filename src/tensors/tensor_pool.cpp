// tensors/tensor_pool.cpp -- a c10::Allocator over reserved addresses as large as the machine's memory: reserving costs nothing,
// and a page becomes memory when it is first written.
#include "tensors/tensor_pool.h"

#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>

#include "tensors/free_blocks.h"

#if defined(__SANITIZE_ADDRESS__)
#define LONGCLIP_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LONGCLIP_ADDRESS_SANITIZER
#endif
#endif

namespace longclip {
namespace {

constexpr size_t kSmallest = 128 << 10;  // smaller tensors: the C library's heap

class TensorPool final : public c10::Allocator {
 public:
  TensorPool(char* begin, size_t bytes) : begin_(begin), end_(begin + bytes), blocks_(bytes) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kSmallest) return others_->allocate(bytes);
    const std::lock_guard lock(mutex_);
    const auto offset = blocks_.take((bytes + page_bytes() - 1) / page_bytes() * page_bytes());
    if (!offset) return others_->allocate(bytes);
    char* const data = begin_ + *offset;
    return {data, data, &TensorPool::release, c10::Device(c10::kCPU)};
  }
  /// Of small tensors too, whose own deleter is another: this one tells them apart.
  c10::DeleterFnPtr raw_deleter() const override { return &TensorPool::release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  template <class Function> void for_each_unused(Function&& function) {
    const std::lock_guard lock(mutex_);
    for (const auto& [offset, bytes] : blocks_.free_and_touched()) function(begin_ + offset, bytes);
  }

  static size_t page_bytes() {
    static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
  }

  inline static TensorPool* the = nullptr;  // never destroyed: tensors of static lifetime outlive main()

 private:
  static void release(void* data) {
    auto* const bytes = static_cast<char*>(data);
    if (bytes < the->begin_ || bytes >= the->end_) return the->others_->raw_deleter()(data);
    const std::lock_guard lock(the->mutex_);
    the->blocks_.give_back(static_cast<size_t>(bytes - the->begin_));
  }

  char *const begin_, *const end_;
  c10::Allocator* const others_ = c10::GetCPUAllocator();
  std::mutex mutex_;
  FreeBlocks blocks_;
};

}  // namespace

bool use_tensor_pool() {
#ifndef LONGCLIP_ADDRESS_SANITIZER
  static std::once_flag once;
  std::call_once(once, [] {
    const size_t bytes = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * TensorPool::page_bytes();
    void* const begin = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin == MAP_FAILED) return;
    TensorPool::the = new TensorPool(static_cast<char*>(begin), bytes);
    c10::SetCPUAllocator(TensorPool::the);
  });
#endif
  return TensorPool::the != nullptr;
}

void release_unused_pool() {
  if (TensorPool::the) TensorPool::the->for_each_unused([](char* begin, size_t bytes) { madvise(begin, bytes, MADV_DONTNEED); });
}

}  // namespace longclip
