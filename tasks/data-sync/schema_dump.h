#pragma once

#include <string>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// SQL that makes the new database's schema in an empty database of the same server: pg_dump
/// --schema-only. It is asked for where the server is, in its pod, whose pg_dump has the server's
/// version; of a database that is given by address, by the pg_dump of this machine, which must not
/// be older than the server. (CREATE DATABASE ... TEMPLATE would need everybody out of the new
/// database, `follow`, guards and poolers too; a further run of Flyway would make what Flyway makes
/// and not what is there.) Throws Error{precondition} when no such pg_dump is to be had.
std::string dump_schema(const Run& run);

/// The dump as a session may send it: without psql's \restrict and \unrestrict. Throws
/// Error{failure} for one that was cut off. Pure.
std::string restorable(const std::string& dump);

}  // namespace crossover::data_sync
