#pragma once
// dist/rendezvous.h -- where the ranks of a run find each other: one key-value store over TCP.

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>

#include "dist/launch_info.h"

namespace longclip {

/// The store of this attempt of this run: rank 0 serves it, or torchrun's agent does. Keys are private to the attempt.
/// Waits up to `timeout` for the others. Collective. Throws c10::Error where nobody answers.
c10::intrusive_ptr<c10d::Store> connect_store(const LaunchInfo& launch, std::chrono::milliseconds timeout);

}  // namespace longclip
