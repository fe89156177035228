#pragma once  // declarations for ProcessGroupGloo.hpp, see ../../README.md
namespace gloo::transport {
class Device;
class UnboundBuffer {
 public:
  virtual ~UnboundBuffer() = default;
};
}  // namespace gloo::transport
