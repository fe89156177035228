#pragma once
// data/ordered_workers.h -- threads that make items ahead of their use, handed out in order whatever the thread count.
// The unit of work is one item, so a slow one delays nobody but those who wait for exactly it.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace longclip {

/// Calls produce(index) for index in [first, last) on `threads` threads, at most `window` items ahead of take().
/// An exception of produce() comes out of take() at its place in the order, and out of every take() after it.
/// Thread-safety: one thread takes; stop() may be called from another.
template <class Item> class OrderedWorkers {
 public:
  using Produce = std::function<Item(int64_t index)>;
  struct Plan {
    int64_t first = 0, last = 0;
    int64_t window = 1;   ///< items that may be ready or in work at once, at least 1
    int64_t threads = 1;  ///< at least 1
  };

  OrderedWorkers(const Plan& plan, Produce produce)
      : plan_(checked(plan)),
        produce_(std::move(produce)),
        claimed_(plan.first),
        taken_(plan.first),
        slots_(static_cast<size_t>(plan.window)) {
    for (int64_t i = 0; i < plan.threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~OrderedWorkers() { stop(); }
  OrderedWorkers(const OrderedWorkers&) = delete;
  OrderedWorkers& operator=(const OrderedWorkers&) = delete;

  /// The next item; waits for it. Throws std::runtime_error after the last one or after stop().
  Item take() {
    std::unique_lock lock(mutex_);
    if (taken_ >= plan_.last) throw std::runtime_error("no item is left");
    Slot& slot = slot_of(taken_);
    ready_.wait(lock, [&] { return stopped_ || slot.item || slot.error; });
    if (slot.error) std::rethrow_exception(slot.error);
    if (!slot.item) throw std::runtime_error("the workers were stopped");
    Item item = std::move(*slot.item);
    slot.item.reset();
    ++taken_;
    space_.notify_one();
    return item;
  }

  /// Ends the threads after the items they are at; a waiting take() throws.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    space_.notify_all();
    ready_.notify_all();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  struct Slot {
    std::optional<Item> item;
    std::exception_ptr error;
  };
  static Plan checked(const Plan& plan) {
    if (plan.window < 1 || plan.threads < 1)
      throw std::invalid_argument("workers: window and threads must be at least 1");
    return plan;
  }
  Slot& slot_of(int64_t index) { return slots_[static_cast<size_t>(index % plan_.window)]; }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      space_.wait(lock, [&] { return stopped_ || claimed_ >= plan_.last || claimed_ < taken_ + plan_.window; });
      if (stopped_ || claimed_ >= plan_.last) return;
      const int64_t index = claimed_++;
      lock.unlock();
      Slot made = make(index);
      lock.lock();
      if (made.error) claimed_ = plan_.last;  // what comes after a failure is never asked for
      slot_of(index) = std::move(made);
      ready_.notify_one();
      if (claimed_ >= plan_.last) space_.notify_all();
    }
  }
  Slot make(int64_t index) {
    try {
      return {produce_(index), nullptr};
    } catch (...) {
      return {std::nullopt, std::current_exception()};
    }
  }

  const Plan plan_;
  const Produce produce_;
  std::mutex mutex_;
  std::condition_variable space_, ready_;
  int64_t claimed_, taken_;
  bool stopped_ = false;
  std::vector<Slot> slots_;  // [index % window]
  std::vector<std::thread> threads_;
};

}  // namespace longclip
