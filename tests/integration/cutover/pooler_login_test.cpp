// A pause that comes while the pooler logs in to the database.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <future>

#include "cutover/fleet.h"
#include "integration/cutover/service.h"

namespace crossover::test {
namespace {

/// A database that takes connections and says nothing.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_, any, size) == 0);
    REQUIRE(::listen(socket_, 8) == 0);
    REQUIRE(::getsockname(socket_, any, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  int port() const { return port_; }
  /// Somebody has connected.
  bool wait() const {
    pollfd entry{socket_, POLLIN, 0};
    return ::poll(&entry, 1, 30000) == 1;
  }

 private:
  int socket_;
  int port_ = 0;
};

TEST_CASE("a pause that breaks off a pooler's login to the database does not hold the service up") {
  const SilentServer old_server;
  PostgresServer new_server(17);
  new_server.create_role("app");
  new_server.create_database("app");
  const auto entries = [](int port) {
    return std::map<std::string, std::string>{
        {"app", fmt::format("host=127.0.0.1 port={} dbname=app", port)}};
  };
  PgBouncerOptions options;
  options.databases = entries(old_server.port());
  options.users = {"postgres", "app"};
  const PgBouncer pooler(options);
  pooler.write_config("old.ini", entries(old_server.port()));
  pooler.write_config("new.ini", entries(new_server.port()));
  std::vector<std::unique_ptr<cutover::Pooler>> poolers;
  poolers.push_back(cutover::make_pgbouncer(pgbouncer_options(
      pooler.port(), pooler.directory().string(), old_server.port(), new_server.port())));
  cutover::Fleet fleet(std::move(poolers));

  std::future<std::int64_t> answer = std::async(std::launch::async, [&pooler] {
    postgres::ConnectionOptions login = pooler.options("app", "app");
    login.connect_timeout = std::chrono::seconds(60);
    return postgres::Session(login).query("SELECT 7").int64(0, 0);
  });
  REQUIRE(old_server.wait());
  const SystemClock clock;
  const Deadline deadline(clock, std::chrono::seconds(30));
  fleet.pause(deadline);
  fleet.retarget(sync::Side::new_side, deadline);
  fleet.resume(deadline);
  // Of itself PgBouncer would wait for 15 s before it tries to log in again.
  CHECK(answer.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(answer.get() == 7);
}

}  // namespace
}  // namespace crossover::test
