// tests/src/dist/rendezvous_test.cpp -- dist/rendezvous.h: ranks as threads, among foreign stores and services.
#include "dist/rendezvous.h"

#include <sys/socket.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/error.h"
#include "dist/network.h"
#include "local_ranks.h"

#include "support/catch.h"

namespace longclip {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60000}, kShort{1500};

/// A rank that a launcher gave no port to.
LaunchInfo portless(int64_t rank, int64_t world_size, const std::string& run_id) {
  LaunchInfo launch = test::local_launch(rank, world_size, 0);
  launch.run_id = run_id;
  return launch;
}

std::string own_run_id() { return "test-" + std::to_string(getpid()) + "-" + std::to_string(test::free_port()); }

std::string failure_of(const LaunchInfo& launch, milliseconds timeout) {
  try {
    connect_store(launch, timeout);
  } catch (const DistError& error) {
    return error.what();
  }
  return "no failure";
}

/// Rank 0 and rank 1 meet and see each other's keys.
void require_meeting(const LaunchInfo& first, const LaunchInfo& second) {
  auto other = std::async(std::launch::async, [&] {
    const auto store = connect_store(second, kLong);
    store->set("from_1", "hello");
    return store->get_to_str("from_0");
  });
  const auto store = connect_store(first, kLong);
  store->set("from_0", "good day");
  REQUIRE(store->get_to_str("from_1") == "hello");
  REQUIRE(other.get() == "good day");
}

c10::intrusive_ptr<c10d::Store> foreign_store(uint16_t port) {
  c10d::TCPStoreOptions options;
  options.isServer = true;
  options.waitWorkers = false;
  options.port = port;
  return c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
}

/// A service that takes connections: and says nothing, or hangs up at once.
class Service {
 public:
  Service(uint16_t port, bool hangs_up) : socket_(listen_on(port)) {
    if (hangs_up) thread_ = std::thread([this] { serve(); });
  }
  ~Service() {
    done_ = true;
    if (thread_.joinable()) {
      answers("127.0.0.1", port(), milliseconds(1000));  // wakes it
      thread_.join();
    }
    close(socket_);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  uint16_t port() const { return port_of(socket_); }

 private:
  void serve() {
    while (!done_) close(accept(socket_, nullptr, nullptr));
  }

  int socket_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("Rendezvous: a given port is the only one; without one the run's id decides, alike on every rank", "[unit]") {
  REQUIRE(meeting_ports(test::local_launch(1, 2, 4711)) == std::vector<uint16_t>{4711});
  const auto ports = meeting_ports(portless(0, 2, "job"));
  REQUIRE(ports.size() == 8);
  REQUIRE(meeting_ports(portless(1, 2, "job")) == ports);
  REQUIRE(meeting_ports(portless(0, 2, "other job")) != ports);
  for (const uint16_t port : ports) REQUIRE((port >= 20000 && port < 32768));
}

TEST_CASE("Rendezvous: two ranks meet at a given port, and at one that nobody gave them", "[dist]") {
  const int64_t port = test::free_port();
  require_meeting(test::local_launch(0, 2, port), test::local_launch(1, 2, port));
  const std::string run_id = own_run_id();
  require_meeting(portless(0, 2, run_id), portless(1, 2, run_id));
}

TEST_CASE("Rendezvous: the first ports taken by another run and by other services are passed over", "[dist]") {
  const std::string run_id = own_run_id();
  const auto ports = meeting_ports(portless(0, 2, run_id));
  const auto empty = foreign_store(ports[0]), other = foreign_store(ports[1]);
  other->set("longclip/hello", std::string("longclip/another/attempt_0"));
  const Service silent(ports[2], false), curt(ports[3], true);
  require_meeting(portless(0, 2, run_id), portless(1, 2, run_id));
}

TEST_CASE("Rendezvous: an earlier attempt's store is not this attempt's", "[dist]") {
  const int64_t port = test::free_port();
  LaunchInfo late = test::local_launch(1, 2, port);
  late.attempt = "1";
  const auto old = foreign_store(static_cast<uint16_t>(port));
  old->set("longclip/hello", std::string("longclip/none/attempt_0"));
  REQUIRE_THAT(failure_of(late, kShort),
               ContainsSubstring("127.0.0.1:" + std::to_string(port) + " is the store of another run") &&
                   ContainsSubstring("longclip/none/attempt_0") && ContainsSubstring("MASTER_PORT"));
}

TEST_CASE("Rendezvous: a given port in use, a service that is no store, and nobody at all are said with their place",
          "[dist]") {
  for (const bool hangs_up : {false, true}) {
    const Service service(0, hangs_up);
    const std::string place = "127.0.0.1:" + std::to_string(service.port());
    REQUIRE_THAT(failure_of(test::local_launch(0, 2, service.port()), kLong),
                 ContainsSubstring("cannot serve the meeting place at " + place) &&
                     ContainsSubstring("Address already in use") && ContainsSubstring("Choose another MASTER_PORT"));
    REQUIRE_THAT(failure_of(test::local_launch(1, 2, service.port()), kShort),
                 ContainsSubstring(place + " is a service that is no store"));
  }
  const int64_t port = test::free_port();
  REQUIRE_THAT(
      failure_of(test::local_launch(1, 2, port), kShort),
      ContainsSubstring("rank 1 of 2 did not find rank 0: nobody answers at 127.0.0.1:" + std::to_string(port)));
  LaunchInfo nowhere = test::local_launch(1, 2, port);
  nowhere.master_address = "no-such-host.invalid";
  REQUIRE_THAT(failure_of(nowhere, kShort), ContainsSubstring("the name no-such-host.invalid has no address"));
}

TEST_CASE("Rendezvous: who did not come is named, and nobody is there twice", "[dist]") {
  const int64_t port = test::free_port();
  auto first =
      std::async(std::launch::async, [&] { return failure_of(test::local_launch(0, 3, port), milliseconds(5000)); });
  auto second =
      std::async(std::launch::async, [&] { return failure_of(test::local_launch(2, 3, port), milliseconds(5000)); });
  REQUIRE_THAT(first.get(), ContainsSubstring("could not meet the others at 127.0.0.1:" + std::to_string(port)) &&
                                ContainsSubstring("rank 1 did not come"));
  REQUIRE_THAT(second.get(), ContainsSubstring("rank 1 did not come") || ContainsSubstring("is gone"));

  const int64_t next = test::free_port();
  const auto store =
      std::async(std::launch::async, [&] { return connect_store(test::local_launch(0, 2, next), kLong); });
  const auto other = connect_store(test::local_launch(1, 2, next), kLong);
  REQUIRE_THAT(failure_of(test::local_launch(1, 2, next), kLong), ContainsSubstring("somebody is already rank 1 of 2"));
}

}  // namespace longclip
