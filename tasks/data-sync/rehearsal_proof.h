#pragma once

#include <string>
#include <vector>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Puts a trigger on every table of the rehearsal's database that notes the rows that are written,
/// also those that are deleted again. To be called when it has been filled and nobody else is in
/// it.
void note_writes(const sync::Database& rehearsal, const std::vector<sync::SyncedTable>& tables);

/// Where the sessions of a rehearsal are: those that came through the pooler's rehearsal entry,
/// which all hold its mark.
struct RehearsalSessions {
  int in_rehearsal = 0;
  /// In any other database of either server, and those that came from a pod of the rehearsal's API
  /// to a live database by another way: "2 in database 'registry' of 'registry-patroni:5432/...'".
  std::vector<std::string> elsewhere;
};

/// `addresses`: of the pods of the rehearsal's API; may be empty. Sessions that the role may not
/// look into are not seen by their address.
RehearsalSessions find_sessions(const Run& run, const std::string& rehearsal_database,
                                const std::vector<std::string>& addresses);

/// What of the rehearsal's writes is in a live database.
struct Traces {
  std::int64_t written = 0;  ///< different rows that the rehearsal has written
  /// Rows that it has added, or that bear its token, and that are there just so: the table and the
  /// key, the first ones.
  std::vector<std::string> found;
  /// Rows that it has changed and that now look the same there: a counter that both have counted
  /// up.
  std::vector<std::string> alike;
};

/// Looks up by their keys all rows that `note_writes` has noted.
Traces find_traces(const sync::Database& rehearsal, const sync::Database& live,
                   const std::vector<sync::SyncedTable>& tables, const std::string& token);

}  // namespace crossover::data_sync
