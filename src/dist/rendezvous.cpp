// dist/rendezvous.cpp -- see dist/rendezvous.h
#include "dist/rendezvous.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <future>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "dist/network.h"

namespace longclip {
namespace {

using Clock = std::chrono::steady_clock;
using StorePtr = c10::intrusive_ptr<c10d::Store>;

constexpr const char* kHelloKey = "longclip/hello";                        // outside the prefix: whose store is this?
constexpr std::chrono::milliseconds kConnectTimeout{2000};                 // for one try
constexpr std::chrono::milliseconds kSilence{60000};                       // of the store's machine, once it was found
constexpr std::chrono::milliseconds kFirstPause{50}, kLongestPause{1000};  // between rounds of tries

std::string identity(const LaunchInfo& launch) {
  return fmt::format("longclip/{}/attempt_{}", launch.run_id, launch.attempt);
}

std::string place(const LaunchInfo& launch) {
  const std::vector<uint16_t> ports = meeting_ports(launch);
  return fmt::format("{}:{}", launch.master_address, fmt::join(ports, ", "));
}

c10d::TCPStoreOptions options_of(uint16_t port, std::chrono::milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = port;
  options.timeout = timeout;
  options.waitWorkers = false;  // the hello comes first; join() waits
  return options;
}

/// Rank 0's store, at the first port that is free.
StorePtr serve(const LaunchInfo& launch, std::chrono::milliseconds timeout) {
  std::string reason;
  for (const uint16_t port : meeting_ports(launch)) {
    try {
      c10d::TCPStoreOptions options = options_of(port, timeout);
      options.masterListenFd = listen_on(port);
      options.isServer = true;
      const StorePtr store = c10::make_intrusive<c10d::TCPStore>(launch.master_address, options);
      store->set(kHelloKey, identity(launch));
      return store;
    } catch (const DistError& error) {
      reason = error.what();
    } catch (const c10::Error& error) {
      fail<DistError>(
          "rank 0 serves the meeting place, but cannot reach it at {}:{}: MASTER_ADDR must be an address of "
          "rank 0's machine ({})",
          launch.master_address, port, error.what_without_backtrace());
    }
  }
  fail<DistError>(
      "rank 0 cannot serve the meeting place at {}: {}. Choose another MASTER_PORT, or end the program that "
      "uses this one",
      place(launch), reason);
}

/// Tries the ports in turn until one shows the right store.
class Seeker {
 public:
  Seeker(const LaunchInfo& launch, Clock::time_point deadline) : launch_(launch), deadline_(deadline) {}

  StorePtr seek() {
    for (auto pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
      for (const uint16_t port : meeting_ports(launch_)) {
        if (const StorePtr store = try_port(port)) return store;
      }
      if (Clock::now() + pause > deadline_) give_up();
      std::this_thread::sleep_for(pause);
    }
  }

 private:
  StorePtr try_port(uint16_t port) {
    try {
      const StorePtr store = open(port);
      if (!store) return {};
      if (launch_.agent_serves_store) return store;
      if (!store->check({kHelloKey})) {  // also the moment between rank 0's start and its hello
        met(port, "a store without a run");
        return {};
      }
      const std::string hello = store->get_to_str(kHelloKey);
      if (hello == identity(launch_)) return store;
      met(port, fmt::format("the store of another run ({}, this is {})", hello, identity(launch_)));
    } catch (const c10::Error&) {
      met(port, "a service that is no store");
    }
    return {};
  }

  /// The store at a port; null where nobody listens, or says nothing. TCPStore's constructor waits for ever for a service
  /// that takes the connection and is silent, so it has a thread of its own, which is left alone then.
  StorePtr open(uint16_t port) {
    std::future<StorePtr>& opening = openings_[port];
    const bool starts = !opening.valid();
    if (starts) {
      if (!answers(launch_.master_address, port, kConnectTimeout)) return {};
      std::packaged_task<StorePtr()> task([host = launch_.master_address, port]() -> StorePtr {
        return c10::make_intrusive<c10d::TCPStore>(host, options_of(port, kConnectTimeout));
      });
      opening = task.get_future();
      std::thread(std::move(task)).detach();
    }
    if (opening.wait_for(starts ? kConnectTimeout : std::chrono::milliseconds(0)) == std::future_status::ready) {
      return opening.get();
    }
    met(port, "a service that is no store");
    return {};
  }

  void met(uint16_t port, const std::string& what) {
    met_ = fmt::format("{}:{} is {}", launch_.master_address, port, what);
  }

  [[noreturn]] void give_up() const {
    if (!met_.empty()) {
      fail<DistError>("rank {} of {} did not find rank 0: {}. Choose another MASTER_PORT", launch_.rank,
                      launch_.world_size, met_);
    }
    if (!resolves(launch_.master_address)) {
      fail<DistError>(
          "rank {} of {} did not find rank 0: the name {} has no address here. Set MASTER_ADDR to an address",
          launch_.rank, launch_.world_size, launch_.master_address);
    }
    fail<DistError>(
        "rank {} of {} did not find rank 0: nobody answers at {}. Is rank 0 running, MASTER_ADDR its machine, "
        "and the port open in the firewall?",
        launch_.rank, launch_.world_size, place(launch_));
  }

  const LaunchInfo& launch_;
  const Clock::time_point deadline_;
  std::string met_;                                     ///< the last wrong answer
  std::map<uint16_t, std::future<StorePtr>> openings_;  ///< those that still wait for a silent service
};

/// Waits until all ranks have said that they are there.
void join(c10d::Store& store, const LaunchInfo& launch, Clock::time_point deadline) {
  const auto key = [](int64_t rank) { return "joined/" + std::to_string(rank); };
  if (store.add(key(launch.rank), 1) > 1) {
    fail<DistError>("somebody is already rank {} of {} at {}: another run meets there. Choose another MASTER_PORT",
                    launch.rank, launch.world_size, place(launch));
  }
  std::vector<std::string> keys;
  for (int64_t rank = 0; rank < launch.world_size; ++rank) keys.push_back(key(rank));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  try {
    store.wait(keys, std::max(left, std::chrono::milliseconds(1)));
  } catch (const c10::Error& error) {
    std::vector<int64_t> missing;
    try {
      for (int64_t rank = 0; rank < launch.world_size; ++rank) {
        if (!store.check({key(rank)})) missing.push_back(rank);
      }
    } catch (const c10::Error&) {  // the store itself is gone
    }
    if (missing.empty()) {
      fail<DistError>("rank {} of {}: the meeting place at {} is gone ({})", launch.rank, launch.world_size,
                      place(launch), error.what_without_backtrace());
    }
    fail<DistError>("rank {} of {} could not meet the others at {}: rank {} did not come. Look for its message",
                    launch.rank, launch.world_size, place(launch), fmt::join(missing, ", "));
  }
}

}  // namespace

std::vector<uint16_t> meeting_ports(const LaunchInfo& launch) {
  if (launch.master_port != 0) return {static_cast<uint16_t>(launch.master_port)};
  constexpr uint64_t kFirst = 20000, kEnd = 32768, kCandidates = 8;  // below the system's own temporary ports
  uint64_t hash = 14695981039346656037ULL;                           // FNV-1a: the same on every machine
  for (const char c : launch.run_id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::vector<uint16_t> ports;
  for (uint64_t i = 0; i < kCandidates; ++i) {
    ports.push_back(static_cast<uint16_t>(kFirst + (hash + i * 1597) % (kEnd - kFirst)));
  }
  return ports;
}

c10::intrusive_ptr<c10d::Store> connect_store(const LaunchInfo& launch, std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  const bool serves = launch.rank == 0 && !launch.agent_serves_store;
  const StorePtr store = serves ? serve(launch, std::min(timeout, kSilence)) : Seeker(launch, deadline).seek();
  store->setTimeout(timeout);
  bound_silence(dynamic_cast<const c10d::TCPStore&>(*store).getPort(), std::min(timeout, kSilence));
  // torchrun keeps one store over restarts: without a prefix a late rank meets its dead predecessor's address.
  auto own = c10::make_intrusive<c10d::PrefixStore>(identity(launch), store);
  join(*own, launch, deadline);
  log_debug("rank {} of {} met the others at {}", launch.rank, launch.world_size, place(launch));
  return own;
}

}  // namespace longclip
