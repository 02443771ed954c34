#pragma once

#include <cstdint>
#include <string>

namespace crossover::cutover {

/// The database of a rehearsal, on the new database's server: "crossover_rehearsal_MIGRATION", as
/// much of it as a name may hold. Pure.
std::string rehearsal_database(const std::string& migration);

/// The name of the pooler's entry that leads to it. Pure.
std::string rehearsal_entry(const std::string& entry);

/// The key of the advisory lock that every connection of the rehearsal entry holds (shared) for its
/// whole life. By it pg_locks tells in which database a session of the rehearsal is, whatever name
/// the application gives itself. Pure.
std::int64_t rehearsal_mark(const std::string& migration);

/// What the pooler runs on each new connection of that entry, before a client may use it: takes the
/// mark, or ends the connection where the entry leads to any other database than the rehearsal's.
/// (PgBouncer only logs an error of its connect_query, so the server has to hang up.) Pure.
std::string rehearsal_connect_query(const std::string& migration);

}  // namespace crossover::cutover
