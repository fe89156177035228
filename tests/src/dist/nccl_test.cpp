// tests/src/dist/nccl_test.cpp -- NCCL as it was built and as it is loaded; nothing of it exists in a build without CUDA.
#ifdef LONGCLIP_WITH_CUDA

#include <ATen/ops/full.h>
#include <nccl.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "dist/backends.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("NCCL: the loaded library is the one whose header the program was built with", "[unit]") {
  int loaded = 0;
  REQUIRE(ncclGetVersion(&loaded) == ncclSuccess);
  REQUIRE(loaded == NCCL_VERSION_CODE);
}

TEST_CASE("NCCL: the backend starts on the card and sums over a world of one", "[.gpu]") {
  const LaunchInfo alone;
  const auto backend = make_nccl_backend({c10::make_intrusive<c10d::HashStore>(), alone, std::chrono::seconds(60)});
  std::vector<at::Tensor> tensors{at::full({1000}, 3.0, at::TensorOptions().device(at::kCUDA))};
  backend->allreduce(tensors)->wait();
  REQUIRE(tensors[0].eq(3).all().item<bool>());
  backend->shutdown();
}

}  // namespace longclip

#endif
