// tests/support/free_port.cpp -- tries ports one after another, from a place that differs from process to process.
#include "support/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace longclip::test {

int64_t free_port() {
  static int64_t next = 10000 + getpid() % 10000;
  for (int tries = 0; tries < 1000; ++tries) {
    const int64_t port = next = next == 19999 ? 10000 : next + 1;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const bool bound = listener >= 0 && bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    if (listener >= 0) close(listener);
    if (bound) return port;
  }
  throw std::runtime_error("no free TCP port");
}

}  // namespace longclip::test
