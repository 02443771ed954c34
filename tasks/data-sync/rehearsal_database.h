#pragma once

#include <cstdint>
#include <string>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// The database that a rehearsal runs on: beside the new one, on the same server, so that it has
/// the same roles, version and settings. Its name is the pooler's to know
/// (cutover/rehearsal_entry.h). Borrows the run.
class RehearsalDatabase {
 public:
  explicit RehearsalDatabase(const Run& run);

  const std::string& name() const { return name_; }
  /// How to reach it; only while it is there.
  const sync::Database& database() const { return database_; }
  bool exists() const;
  /// Bytes of the new database: what the copy will take about.
  std::int64_t expected_bytes() const;
  /// An empty one with the new database's encoding, locale, owner, settings and rights of roles on
  /// it. Throws Error{precondition} when the role may not create databases.
  void create() const;
  /// Ends all sessions in it and drops it. Returns whether it was there.
  bool drop() const;

 private:
  const Run& run_;
  std::string name_;
  sync::EndpointDatabase database_;
};

}  // namespace crossover::data_sync
