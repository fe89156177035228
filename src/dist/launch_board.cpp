// dist/launch_board.cpp -- see dist/launch_board.h
#include "dist/launch_board.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <random>
#include <sstream>

#include "base/error.h"
#include "dist/rendezvous.h"

namespace longclip {

struct LaunchStore {
  c10::intrusive_ptr<c10d::Store> store;
};

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kSilence{30};  // a launcher reports several times a second
constexpr std::chrono::seconds kFarewell{10};

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string key_of(int64_t attempt, const char* what) { return fmt::format("{}/{}", attempt, what); }

std::string to_text(const AttemptEnd& end) {
  return fmt::format("{} {} {}", end.code, end.stop_asked ? 1 : 0, end.what);
}

AttemptEnd end_of(const std::string& text) {
  AttemptEnd end;
  std::istringstream in(text);
  in >> end.code >> end.stop_asked >> std::ws;
  std::getline(in, end.what);
  return end;
}

/// The launchers meet as ranks do.
LaunchInfo as_launch_info(const LaunchNode& node) {
  LaunchInfo launch;
  launch.rank = node.node_rank;
  launch.world_size = node.num_nodes;
  launch.master_address = node.master_address;
  launch.master_port = node.master_port;
  launch.run_id = node.master_port == 0 ? random_id() : "launchers";
  return launch;
}

}  // namespace

LaunchBoard LaunchBoard::open(const LaunchNode& node, std::chrono::milliseconds timeout) { return {node, timeout}; }
LaunchBoard::LaunchBoard(LaunchBoard&&) noexcept = default;
LaunchBoard& LaunchBoard::operator=(LaunchBoard&&) noexcept = default;
LaunchBoard::~LaunchBoard() = default;

template <class Action> auto LaunchBoard::guarded(Action&& action) {
  try {
    return action(*store_->store);
  } catch (const c10::Error& error) {
    fail<DistError>("the launcher of node 0 at {}:{} is gone ({})", node_.master_address, port_,
                    error.what_without_backtrace());
  }
}

LaunchBoard::LaunchBoard(const LaunchNode& node, std::chrono::milliseconds timeout)
    : node_(node), store_(std::make_unique<LaunchStore>(connect_store(as_launch_info(node), timeout))) {
  auto* prefix = dynamic_cast<c10d::PrefixStore*>(store_->store.get());
  port_ = dynamic_cast<c10d::TCPStore&>(*prefix->getUnderlyingNonPrefixStore()).getPort();
  guarded([&](c10d::Store& store) {
    if (node_.node_rank == 0) {
      store.set("run_id", random_id());
      store.set("max_restarts", std::to_string(node_.max_restarts));
    }
    store.set(fmt::format("num_ranks/{}", node_.node_rank), std::to_string(node_.num_ranks));
    run_id_ = store.get_to_str("run_id");
    max_restarts_ = std::stoll(store.get_to_str("max_restarts"));
    for (int64_t i = 0; i < node_.num_nodes; ++i) {
      const int64_t ranks = std::stoll(store.get_to_str(fmt::format("num_ranks/{}", i)));
      if (i < node_.node_rank) first_rank_ += ranks;
      world_size_ += ranks;
    }
  });
}

void LaunchBoard::report_failure(int64_t attempt, const AttemptEnd& end) {
  guarded([&](c10d::Store& store) {
    const std::string key = key_of(attempt, "failure"), text = to_text(end);
    const std::string now = store.compareSet(key, "", text);
    if (now != text && end_of(now).code == kExitPeerLost && end.code != kExitPeerLost) store.compareSet(key, now, text);
  });
}

std::optional<AttemptEnd> LaunchBoard::failure(int64_t attempt) {
  return guarded([&](c10d::Store& store) -> std::optional<AttemptEnd> {
    store.add(fmt::format("beat/{}", node_.node_rank), 1);
    const std::string key = key_of(attempt, "failure");
    if (!store.check({key})) return std::nullopt;
    return end_of(store.get_to_str(key));
  });
}

void LaunchBoard::report_end(int64_t attempt, const AttemptEnd& end) {
  guarded(
      [&](c10d::Store& store) { store.set(key_of(attempt, "end/") + std::to_string(node_.node_rank), to_text(end)); });
}

std::optional<AttemptEnd> LaunchBoard::common_end(int64_t attempt) {
  AttemptEnd common;
  bool all = true;
  for (int64_t i = 0; i < node_.num_nodes; ++i) {
    const auto end = guarded([&](c10d::Store& store) -> std::optional<AttemptEnd> {
      const std::string key = key_of(attempt, "end/") + std::to_string(i);
      if (!store.check({key})) return std::nullopt;
      return end_of(store.get_to_str(key));
    });
    if (!end) {
      check_alive(i);
      all = false;
      continue;
    }
    if (common.code == 0 || (common.code == kExitPeerLost && end->code != 0)) common.code = end->code;
    common.stop_asked |= end->stop_asked;
  }
  if (!all) return std::nullopt;
  const auto failed = failure(attempt);
  const bool by_stop = common.stop_asked && failed && failed->code == kExitPeerLost;  // the peer was told to go
  if (failed && !by_stop) {
    common.code = failed->code;
    common.what = failed->what;
  }
  return common;
}

void LaunchBoard::check_alive(int64_t node) {
  const int64_t count = guarded([&](c10d::Store& store) { return store.add(fmt::format("beat/{}", node), 0); });
  Beat& beat = beats_[node];
  if (count != beat.count) beat = {count, Clock::now()};
  require<DistError>(Clock::now() - beat.seen < kSilence, "the launcher of node {} fell silent {} seconds ago", node,
                     kSilence.count());
}

void LaunchBoard::leave() {
  try {
    store_->store->set(fmt::format("left/{}", node_.node_rank), "");
    std::vector<std::string> all;
    for (int64_t i = 0; i < node_.num_nodes; ++i) all.push_back(fmt::format("left/{}", i));
    if (node_.node_rank == 0) store_->store->wait(all, kFarewell);
  } catch (const c10::Error&) {  // whoever is gone by now knows, or is lost anyway
  }
}

}  // namespace longclip
