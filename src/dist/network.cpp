// dist/network.cpp -- see dist/network.h
#include "dist/network.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/error.h"

namespace longclip {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList addresses_of(const std::string& host, uint16_t port, int socket_type) {
  addrinfo wanted{};
  wanted.ai_socktype = socket_type;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) found = nullptr;
  return {found, &freeaddrinfo};
}

class Socket {
 public:
  Socket(int family, int type) : fd_(socket(family, type | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool connects(const addrinfo& address, std::chrono::milliseconds timeout) {
  const Socket client(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK);
  if (client.fd() < 0) return false;
  if (connect(client.fd(), address.ai_addr, address.ai_addrlen) == 0) return true;
  pollfd waiting{client.fd(), POLLOUT, 0};
  if (errno != EINPROGRESS || poll(&waiting, 1, static_cast<int>(timeout.count())) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(client.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/// Bound and listening, or -1 with errno.
int listen_with(int family, const sockaddr* address, socklen_t size) {
  Socket server(family, SOCK_STREAM);
  const int yes = 1, no = 0;
  if (server.fd() < 0) return -1;
  setsockopt(server.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);  // a port of a run that has just ended
  if (family == AF_INET6) setsockopt(server.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  if (bind(server.fd(), address, size) != 0 || listen(server.fd(), SOMAXCONN) != 0) return -1;
  return server.release();
}

}  // namespace

bool resolves(const std::string& host) { return addresses_of(host, 0, SOCK_STREAM) != nullptr; }

int listen_on(uint16_t port) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_addr = in6addr_any;
  six.sin6_port = htons(port);
  int server = listen_with(AF_INET6, reinterpret_cast<const sockaddr*>(&six), sizeof six);
  if (server < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {  // no IPv6 on this machine
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    server = listen_with(AF_INET, reinterpret_cast<const sockaddr*>(&four), sizeof four);
  }
  if (server < 0) fail<DistError>("{}", std::strerror(errno));
  return server;
}

uint16_t port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);  // at the same place in both families
}

bool answers(const std::string& host, uint16_t port, std::chrono::milliseconds timeout) {
  const AddressList found = addresses_of(host, port, SOCK_STREAM);
  for (const addrinfo* address = found.get(); address != nullptr; address = address->ai_next) {
    if (connects(*address, timeout)) return true;
  }
  return false;
}

void bound_silence(uint16_t port, std::chrono::milliseconds timeout) {
  const auto milliseconds = static_cast<unsigned int>(timeout.count());
  const int yes = 1, seconds = std::max(1, static_cast<int>(timeout.count() / 4000));
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    const bool tcp = peer.ss_family == AF_INET || peer.ss_family == AF_INET6;
    if (!tcp || ntohs(reinterpret_cast<const sockaddr_in*>(&peer)->sin_port) != port) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);  // something sent, no answer
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);                         // nothing to send
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  }
}

std::string own_address_towards(const std::string& host) {
  constexpr uint16_t kAnyPort = 9;  // connecting a datagram socket only looks up the route
  const AddressList found = addresses_of(host, kAnyPort, SOCK_DGRAM);
  for (const addrinfo* address = found.get(); address != nullptr; address = address->ai_next) {
    const Socket probe(address->ai_family, SOCK_DGRAM);
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    char name[NI_MAXHOST];
    if (probe.fd() < 0 || connect(probe.fd(), address->ai_addr, address->ai_addrlen) != 0 ||
        getsockname(probe.fd(), reinterpret_cast<sockaddr*>(&own), &size) != 0 ||
        getnameinfo(reinterpret_cast<const sockaddr*>(&own), size, name, sizeof name, nullptr, 0, NI_NUMERICHOST) !=
            0) {
      continue;
    }
    return is_loopback(name) ? "127.0.0.1" : name;
  }
  fail<DistError>("no network interface of this machine leads to {}: check that name, or set GLOO_SOCKET_IFNAME", host);
}

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

}  // namespace longclip
