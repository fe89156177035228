#pragma once
// dist/network.h -- the few questions about TCP that c10d answers late, loudly or not at all.

#include <chrono>
#include <cstdint>
#include <string>

namespace longclip {

/// Whether the name or address stands for a machine.
bool resolves(const std::string& host);

/// A socket that listens on all addresses of this machine, closed on exec; the caller closes it or hands it on.
/// `port` 0: the system chooses. Throws DistError with the system's reason ("Address already in use").
int listen_on(uint16_t port);
/// The port of a socket.
uint16_t port_of(int socket);

/// Whether somebody accepts connections at host:port within the time; quiet.
bool answers(const std::string& host, uint16_t port, std::chrono::milliseconds timeout);

/// The connections of this process to that port of another process break after `timeout` without an answer, where the
/// system would go on sending for a quarter of an hour: a machine that lost its power or its cable says nothing.
void bound_silence(uint16_t port, std::chrono::milliseconds timeout);

/// The address of this machine from which packets to `host` leave; nothing is sent. "127.0.0.1" where `host` is this
/// machine under a loopback address, as in a hosts file with "127.0.1.1 myname". Throws DistError where there is no way.
std::string own_address_towards(const std::string& host);
/// 127.0.0.0/8 and ::1.
bool is_loopback(const std::string& address);

}  // namespace longclip
