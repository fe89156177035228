#pragma once  // declarations for ProcessGroupGloo.hpp, see ../README.md
#include <chrono>
namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
}  // namespace gloo
