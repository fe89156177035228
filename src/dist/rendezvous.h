#pragma once
// dist/rendezvous.h -- where the ranks of a run find each other: one key-value store over TCP.

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <vector>

#include "dist/launch_info.h"

namespace longclip {

/// The ports at which the ranks meet, tried in turn: MASTER_PORT, or, where the launcher gives none, a few that follow
/// from the run's id.
std::vector<uint16_t> meeting_ports(const LaunchInfo& launch);

/// The store of this attempt of this run: rank 0 serves it, or the launcher does. Keys are private to the attempt.
/// Waits up to `timeout` until all ranks are there; the store of another run and other services are passed over.
/// Collective. Throws DistError that names the place, what was met there or who is missing, and the fix.
c10::intrusive_ptr<c10d::Store> connect_store(const LaunchInfo& launch, std::chrono::milliseconds timeout);

}  // namespace longclip
