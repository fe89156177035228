#pragma once
// base/digest.h -- SHA-256, for content hashes of tensors, pictures, configs and data.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace longclip {

/// A SHA-256 that is fed piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const uint8_t> bytes);
  void update(std::string_view text);
  /// 64 lower-case hex digits. Call once.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const uint8_t> bytes);
std::string sha256_hex(std::string_view text);
/// The first 64 bits of the SHA-256, for many small texts.
uint64_t sha256_prefix(std::string_view text);

}  // namespace longclip
