// tests/src/dist/network_test.cpp -- dist/network.h
#include "dist/network.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#include "support/catch.h"

namespace longclip {

TEST_CASE("Network: a port that is listened on answers, and cannot be taken again", "[unit]") {
  const int server = listen_on(0);
  const uint16_t port = port_of(server);
  REQUIRE(port != 0);
  REQUIRE(answers("127.0.0.1", port, std::chrono::milliseconds(1000)));
  REQUIRE_THROWS_WITH(listen_on(port), ContainsSubstring("Address already in use"));
  close(server);
  REQUIRE_FALSE(answers("127.0.0.1", port, std::chrono::milliseconds(1000)));
  REQUIRE_FALSE(answers("no-such-host.invalid", port, std::chrono::milliseconds(1000)));
}

TEST_CASE("Network: only connections to the given port are bounded", "[unit]") {
  const int servers[] = {listen_on(0), listen_on(0)};
  int clients[2];
  for (int i = 0; i < 2; ++i) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_of(servers[i]));
    clients[i] = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(connect(clients[i], reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  bound_silence(port_of(servers[1]), std::chrono::milliseconds(5000));
  for (int i = 0; i < 2; ++i) {
    unsigned int milliseconds = 0;
    socklen_t size = sizeof milliseconds;
    REQUIRE(getsockopt(clients[i], IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, &size) == 0);
    REQUIRE(milliseconds == (i == 0 ? 0 : 5000));
    close(clients[i]);
    close(servers[i]);
  }
}

TEST_CASE("Network: the own address towards this machine is 127.0.0.1, also by a name such as 127.0.1.1", "[unit]") {
  REQUIRE(own_address_towards("127.0.0.1") == "127.0.0.1");
  REQUIRE(own_address_towards("localhost") == "127.0.0.1");
  REQUIRE(own_address_towards("127.0.1.1") == "127.0.0.1");
  REQUIRE_THROWS_WITH(own_address_towards("no-such-host.invalid"), ContainsSubstring("no-such-host.invalid"));
  REQUIRE(is_loopback("127.0.1.1"));
  REQUIRE(is_loopback("::1"));
  REQUIRE_FALSE(is_loopback("192.0.2.1"));
  REQUIRE(resolves("localhost"));
  REQUIRE_FALSE(resolves("no-such-host.invalid"));
}

}  // namespace longclip
