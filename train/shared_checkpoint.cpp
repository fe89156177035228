// train/shared_checkpoint.cpp -- a verdict as JSON, then the tensors one after another.
#include "train/shared_checkpoint.h"

#include <ATen/ops/empty.h>

#include "base/error.h"

namespace longclip {
namespace {

/// Name, dtype and shape of each tensor, in the order in which they are sent.
Json describe(const TensorMap& tensors) {
  Json list = Json::array();
  for (const auto& [name, tensor] : tensors) list.push_back({name, static_cast<int>(tensor.scalar_type()), tensor.sizes().vec()});
  return list;
}

TensorMap allocate(const Json& list) {
  TensorMap tensors;
  for (const Json& entry : list) {
    tensors[entry[0]] = at::empty(entry[2].get<std::vector<int64_t>>(), static_cast<at::ScalarType>(entry[1].get<int>()));
  }
  return tensors;
}

Json message_of(const std::optional<Checkpoint>& checkpoint) {
  if (!checkpoint) return {{"found", false}};
  return {{"found", true},
          {"state", to_json(checkpoint->state)},
          {"architecture", checkpoint->architecture},
          {"config", checkpoint->config_yaml},
          {"model", describe(checkpoint->model)},
          {"optimizer", describe(checkpoint->optimizer)}};
}

Checkpoint checkpoint_of(const Json& message) {
  return {.model = allocate(message.at("model")),
          .architecture = message.at("architecture"),
          .optimizer = allocate(message.at("optimizer")),
          .state = run_state_from_json(message.at("state"), "state.json of rank 0"),
          .config_yaml = message.at("config")};
}

void send(TensorMap& tensors, Communicator& comm) {
  for (auto& [name, tensor] : tensors) tensor = comm.broadcast_to_cpu(tensor);
}

}  // namespace

std::optional<Checkpoint> find_shared_checkpoint(const RunConfig& config, const ResumeChoice& resume, Communicator& comm) {
  if (comm.world_size() == 1) return find_checkpoint(config, resume);
  std::optional<Checkpoint> checkpoint;
  Json message;
  if (comm.rank() == 0) {
    try {
      checkpoint = find_checkpoint(config, resume);
      message = message_of(checkpoint);
    } catch (const InputError& error) {
      message = {{"refused", error.what()}};
    }
  }
  message = Json::parse(comm.broadcast(comm.rank() == 0 ? message.dump() : ""));
  if (message.contains("refused")) throw InputError(message.at("refused").get<std::string>());
  if (!message.at("found").get<bool>()) return std::nullopt;
  if (comm.rank() != 0) checkpoint = checkpoint_of(message);
  send(checkpoint->model, comm);
  send(checkpoint->optimizer, comm);
  return checkpoint;
}

}  // namespace longclip
