// checkpoint/checkpoint_writer.cpp -- one thread and one phase: allocate, then idle -> copy -> write -> idle.
#include "checkpoint/checkpoint_writer.h"

#include <utility>

#include "base/log.h"
#include "base/progress.h"

namespace longclip {
namespace {

int64_t bytes_of(const TensorMap& tensors) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

}  // namespace

CheckpointWriter::Copy::Copy(const Checkpoint& like) : model(like.model), optimizer(like.optimizer) {
  checkpoint.model = model.tensors();
  checkpoint.optimizer = optimizer.tensors();
}

void CheckpointWriter::Copy::begin(Checkpoint live) {
  model.begin(std::move(live.model));
  optimizer.begin(std::move(live.optimizer));
  checkpoint.architecture = std::move(live.architecture);
  checkpoint.state = std::move(live.state);
  checkpoint.config_yaml = std::move(live.config_yaml);
}

void CheckpointWriter::Copy::finish() {
  model.copy();
  optimizer.copy();
}

CheckpointWriter::CheckpointWriter(std::filesystem::path run_dir, CheckpointConfig config, const Checkpoint& like)
    : run_dir_(std::move(run_dir)), config_(config) {
  log_info("checkpoints are copied before they are written: {} MiB of memory for the copy", (bytes_of(like.model) + bytes_of(like.optimizer)) >> 20);
  thread_ = std::thread(&CheckpointWriter::work, this, like);
}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::start(Checkpoint live) {
  wait_until_idle();
  if (!copy_) copy_.emplace(live);  // there was no memory at the beginning
  copy_->begin(std::move(live));
  enter(Phase::kCopy);
}

void CheckpointWriter::wait_for_snapshot() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return phase_ != Phase::kCopy; });
}

void CheckpointWriter::wait_until_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return phase_ == Phase::kIdle; });
}

std::optional<WriteFailure> CheckpointWriter::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

void CheckpointWriter::enter(Phase phase) {
  {
    const std::lock_guard lock(mutex_);
    phase_ = phase;
  }
  changed_.notify_all();
}

void CheckpointWriter::work(Checkpoint like) {
  prepare(std::exchange(like, {}));
  enter(Phase::kIdle);
  while (wait_for_request()) {
    write_one();
    enter(Phase::kIdle);
  }
}

void CheckpointWriter::prepare(const Checkpoint& like) {
  try {
    copy_.emplace(like);
    remove_unfinished_checkpoints(run_dir_);
  } catch (const std::exception& error) {
    log_warning("the first checkpoint may take longer: {}", error.what());
  }
}

/// False once the writer ends; a request that was made before is done first.
bool CheckpointWriter::wait_for_request() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return phase_ == Phase::kCopy || ending_; });
  return phase_ == Phase::kCopy;
}

void CheckpointWriter::write_one() {
  const int64_t step = copy_->checkpoint.state.step;
  try {
    const double began = monotonic_seconds();
    copy_->finish();
    const double copied = monotonic_seconds();
    enter(Phase::kWrite);
    save_checkpoint(run_dir_, copy_->checkpoint);
    log_info("saved the checkpoint of step {}: copied in {:.2f} s, written in {:.2f} s", step, copied - began, monotonic_seconds() - copied);
    remove_old_checkpoints(run_dir_, config_);
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    failure_ = WriteFailure{step, error.what()};
  }
}

}  // namespace longclip
