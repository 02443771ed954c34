#pragma once

#include <string>
#include <string_view>

#include "fixtures/postgres/server.h"
#include "fixtures/proxy/tcp_proxy.h"
#include "sync/database.h"

namespace crossover::test {

/// A database behind a network.
class FarDatabase final : public sync::Database {
 public:
  FarDatabase(const PostgresServer& server, const TcpProxy& network)
      : server_(server), network_(network) {}
  postgres::Session open(std::string_view purpose) const override {
    postgres::ConnectionOptions options = server_.options("app");
    options.port = network_.port();
    options.application_name = "crossover test " + std::string(purpose);
    return postgres::Session(options);
  }
  std::string describe() const override { return "app"; }

 private:
  const PostgresServer& server_;
  const TcpProxy& network_;
};

}  // namespace crossover::test
