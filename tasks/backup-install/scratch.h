#pragma once

#include <string>
#include <vector>

#include "backup-install/check.h"
#include "base/log.h"
#include "postgres/session.h"

namespace crossover::backup_install {

/// An empty database beside the new one, with its encoding and locale; dropped at the end. One that
/// a run before left over is dropped first.
class ScratchDatabase {
 public:
  /// `session`: on the new database, with the right to create databases.
  ScratchDatabase(postgres::Session& session, const std::string& migration, Log& log);
  ~ScratchDatabase();
  ScratchDatabase(const ScratchDatabase&) = delete;
  ScratchDatabase& operator=(const ScratchDatabase&) = delete;
  /// "crossover_restore_<migration>".
  const std::string& name() const { return name_; }

 private:
  void drop();
  postgres::Session& session_;
  std::string name_;
  Log& log_;
};

/// The content of the tables ("schema.table"; empty: all but those of the system and Crossover) of
/// the database that the session is connected to. Tables that it lacks are left out. `since` is
/// what `moment_of` has returned; without it no row has stayed.
Contents contents_of(postgres::Session& session, const std::vector<std::string>& tables,
                     const std::string& since = {});

/// A transaction id: what an older one has written every later look sees, unless it is written
/// again (PostgreSQL manual 5.5, xmin).
std::string moment_of(postgres::Session& session);

}  // namespace crossover::backup_install
