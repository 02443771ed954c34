#pragma once

#include <string>
#include <string_view>

#include "cutover/cutover_lock.h"
#include "integration/data-sync/place.h"
#include "sync/drain.h"
#include "sync/gate.h"

namespace crossover::test {

/// What route-switch does to the databases, which are named as whoever does it reaches them; there
/// is no pooler here. Returns how many tables the last drain carried.
inline std::uint64_t switch_databases(World& world, const sync::Database& old_db,
                                      const sync::Database& new_db) {
  const sync::Databases databases{old_db, new_db};
  const cutover::CutoverLock lock({&old_db, &new_db}, "test", cutover::LockMode::task,
                                  std::chrono::seconds(5), world.clock);
  postgres::Session source = old_db.open("switch");
  postgres::Session target = new_db.open("switch");
  const std::string token = sync::new_token();
  for (postgres::Session* session : {&source, &target}) {
    sync::take_owner(*session, token);
    sync::take_drainer(*session, token);
  }
  const sync::Migration migration = sync::require_migration(target, "app");
  const auto tables = sync::read_tables(source);
  sync::Drain drain(databases, sync::Direction::forward, tables, migration.apply_token, token,
                    world.log);
  drain.run();
  drain.prepare_finish(token, 100, std::chrono::seconds(30));
  sync::GateClosing closing(source, tables, token, std::chrono::seconds(5));
  return drain.finish([](std::string_view) {}, [&] { closing.commit(); }).tables;
}

}  // namespace crossover::test
