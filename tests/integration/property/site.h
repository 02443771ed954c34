#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "fixtures/postgres/server.h"
#include "fixtures/proxy/tcp_proxy.h"
#include "integration/property/schema.h"
#include "sync/database.h"

namespace crossover::test::property {

/// The servers of all cases: one of each version on either side, started when first asked for.
class Servers {
 public:
  struct Shared {
    PostgresServer server;
    std::optional<postgres::Session> administration;  ///< kept open; none after a restart
  };
  Shared& at(sync::Side side, int version);
  /// Of those that were started until now, in full: "12.22".
  const std::set<std::string>& releases() const { return releases_; }

 private:
  std::map<std::pair<sync::Side, int>, std::unique_ptr<Shared>> servers_;
  std::set<std::string> releases_;
};

/// The two databases of one case, of their own on shared servers; dropped with this object.
class Site {
 public:
  /// With `networks` the engine reaches its databases through proxies, which can be cut.
  Site(Servers::Shared& old_server, Servers::Shared& new_server, std::string database,
       bool networks);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  /// Makes the schema on both sides.
  void create(const Schema& schema);
  PostgresServer& server(sync::Side side) { return at(side).shared.server; }
  /// Null without `networks`.
  TcpProxy* network(sync::Side side) { return at(side).network.get(); }
  const sync::Databases& databases() const { return databases_; }
  const std::string& database() const { return database_; }
  /// For looking at a side by plain SQL, as its superuser; kept open.
  postgres::Session& look(sync::Side side);
  /// A server that was stopped comes back. By the thread that began the case: a server ends with
  /// the thread that has started it.
  void start(sync::Side side);
  /// From now on there is a standby of `side` that has nothing of what comes after. By the thread
  /// that began the case, and nobody may be writing.
  void leave_behind(sync::Side side);
  bool left_behind() const { return behind_.has_value(); }
  /// It is not used any more.
  void give_up_standby() { behind_.reset(); }
  /// The server of that side is lost, and the standby takes its place. Returns which side it is.
  sync::Side fail_over();

 private:
  /// As the engine reaches it.
  class Reached final : public sync::Database {
   public:
    Reached(const PostgresServer& server, std::string database, const TcpProxy* network)
        : server_(server), database_(std::move(database)), network_(network) {}
    postgres::Session open(std::string_view purpose) const override;
    std::string describe() const override { return database_; }

   private:
    const PostgresServer& server_;
    std::string database_;
    const TcpProxy* network_;
  };
  struct Half {
    Half(Servers::Shared& on, const std::string& database, bool networks);
    Servers::Shared& shared;
    std::unique_ptr<TcpProxy> network;
    Reached reached;
    std::optional<postgres::Session> look;
  };
  void forget_sessions(sync::Side side);
  Half& at(sync::Side side) { return side == sync::Side::old_side ? old_ : new_; }

  struct Behind {
    sync::Side side;
    std::unique_ptr<PostgresServer> standby;
  };

  std::string database_;
  Half old_;
  Half new_;
  std::optional<Behind> behind_;
  sync::Databases databases_;
};

}  // namespace crossover::test::property
