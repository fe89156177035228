#pragma once
// tests/support/free_port.h -- ports for stores of tests.

#include <cstdint>

namespace longclip::test {

/// A TCP port that nobody listened on a moment ago and that the system gives to no connection on its own: it is below the
/// range of temporary ports. Another one at every call. Not thread-safe.
int64_t free_port();

}  // namespace longclip::test
