#pragma once

#include <string>
#include <vector>

#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The SQL of a query that gives one row for the schemas of `tables`: the SHA-256 over everything
/// that capture relies on (relations, columns, keys, partitions, our capture triggers), computed by
/// the server. It leaves out relfilenodes, since a TRUNCATE of the application changes them and is
/// captured like any other write.
std::string fingerprint_sql(const std::vector<SyncedTable>& tables);

/// The same facts as text, a line each, for saying what has changed.
std::string schema_lines(postgres::Session& session, const std::vector<SyncedTable>& tables);

/// What is in one and not in the other, at most `most` lines: "+ column public.role.colour text",
/// "- ...".
std::vector<std::string> schema_difference(const std::string& before, const std::string& after,
                                           std::size_t most);

}  // namespace crossover::sync
