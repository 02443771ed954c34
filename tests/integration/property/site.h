#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "integration/property/schema.h"
#include "integration/sync/world.h"

namespace crossover::test::property {

/// The servers of all cases: one of each version on either side, started when first asked for.
class Servers {
 public:
  PostgresServer& at(sync::Side side, int version);

 private:
  std::map<std::pair<sync::Side, int>, std::unique_ptr<PostgresServer>> servers_;
};

/// The two databases of one case, of their own on shared servers; dropped with this object.
class Site {
 public:
  Site(PostgresServer& old_server, PostgresServer& new_server, std::string database);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  /// Makes the schema on both sides.
  void create(const Schema& schema);
  PostgresServer& server(sync::Side side) {
    return side == sync::Side::old_side ? old_server_ : new_server_;
  }
  const sync::Databases& databases() const { return databases_; }
  const std::string& database() const { return database_; }

 private:
  PostgresServer& old_server_;
  PostgresServer& new_server_;
  std::string database_;
  TestDatabase old_db_;
  TestDatabase new_db_;
  sync::Databases databases_;
};

}  // namespace crossover::test::property
