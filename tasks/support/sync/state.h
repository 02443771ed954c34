#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The layout of schema `crossover` that this program writes. A database with another number is
/// refused: a migration ends with the program that began it, or one of the same layout.
inline constexpr int state_version = 4;

/// The phase by which the old database says that the new one has been given up with what was
/// written there (cutover/abandon.h): nothing is carried any more in either direction.
inline constexpr const char* abandoned_phase = "new-abandoned";
/// `data-sync finish` has taken capture off.
inline constexpr const char* finished_phase = "finished";

/// The row of crossover.migration: what one database knows of the migration that it takes part in.
struct Migration {
  std::string name;
  Side side = Side::old_side;
  /// installed, copying, following, switched, finished_phase, or abandoned_phase
  std::string phase;
  /// Lets a session pass the gate and the capture triggers. In the database in clear, since every
  /// later run and the guards need it; the application's role has no right on the schema.
  Secret apply_token;
  std::string owner_token;    ///< of the task that may change state; empty when nobody has it
  std::string drainer_token;  ///< of the process that drains
  /// The side that a switch under way is moving the service to; empty outside one.
  std::string moving_to;
  std::string plan_sha256;
};

/// Creates schema `crossover` and its tables where they are missing and the migration's row.
/// Idempotent; keeps what is there. Throws Error{precondition} when the schema belongs to another
/// migration or to a program of another layout.
void install_state(postgres::Session& session, std::string_view name, Side side,
                   const Secret& apply_token);

/// Throws Error{precondition} when the database takes part in another migration than `name`, or as
/// the other side. One that takes part in none is free.
void require_own(postgres::Session& session, std::string_view name, Side side);

/// The migration's row, or nothing when the schema is not there. Throws Error{precondition} when a
/// program of another layout has written it.
std::optional<Migration> read_migration(postgres::Session& session);

/// The same, but its absence is Error{precondition} with a hint to run `data-sync start`.
Migration require_migration(postgres::Session& session, std::string_view where);

/// Throws Error{precondition}, `unable to VERB: ...`, when `old_side` says that the new database
/// was given up: rows that only that one has are still looked for there, and nothing of it may come
/// over what the old one has been told since.
void require_kept(postgres::Session& old_side, std::string_view verb);

/// Makes `token` the owner, whoever was it before: for the holder of the advisory lock. The row's
/// lock makes this wait for a transaction of the former owner that is still open, in-doubt ones
/// included.
void take_owner(postgres::Session& session, std::string_view token);

/// Inside a transaction: locks the migration's row and throws Error{locked} when `token` is no
/// longer its owner. Whatever the transaction does after this is fenced.
void require_owner(postgres::Session& session, std::string_view token);

/// Inside a transaction: like require_owner, for the process that drains.
void take_drainer(postgres::Session& session, std::string_view token);

/// The changes of the migration's row, each conditional on `owner`, each throwing Error{locked} if
/// it has lost it.
void set_phase(postgres::Session& session, std::string_view owner, std::string_view phase);
void set_plan(postgres::Session& session, std::string_view owner, std::string_view plan_sha256);
void set_moving_to(postgres::Session& session, std::string_view owner, std::optional<Side> side);

/// The tables of the migration as they were recorded by `record_tables`, by id.
std::vector<SyncedTable> read_tables(postgres::Session& session);

/// How many of the recorded tables wait for their copy.
std::int64_t uncopied_tables(postgres::Session& session);
/// `schemas` are those that the migration is about, whether a table of theirs is carried or not:
/// all of their sequences go with the service (sequences.h).
void record_tables(postgres::Session& session, const std::vector<SyncedTable>& tables,
                   const std::vector<std::string>& schemas);

/// A random token of 128 bits in hexadecimal, from the kernel.
std::string new_token();

/// Opens a session that passes gate and capture and fires no ordinary trigger or foreign key
/// (session_replication_role = replica). Throws Error{precondition} naming the right that is
/// missing.
postgres::Session open_apply_session(const Database& database, std::string_view purpose,
                                     const Secret& apply_token);

/// One entry of crossover.evidence.
struct Evidence {
  std::string task;
  std::string verb;
  std::string actor;
  std::string outcome;
  std::string plan_sha256;
  std::string started_at;  ///< RFC 3339
  std::string detail;      ///< JSON text
};
void append_evidence(postgres::Session& session, const Evidence& entry);
std::vector<Evidence> read_evidence(postgres::Session& session);
/// Whether a run of that verb has been done.
bool has_done(postgres::Session& session, std::string_view task, std::string_view verb);

/// What a failover of the live side has lost (lost_rows.h), kept where it was still known.
struct SavedRow {
  std::string at;         ///< RFC 3339
  std::string table;      ///< public.role
  std::string operation;  ///< insert, update or delete
  /// Whether it is lost for certain: the live side has not written the row since, so far as known.
  bool certain = true;
  /// JSON text: the row as the lost write left it, of a delete as it is there again; of a keyless
  /// table its line of COPY.
  std::string content;
};
std::vector<SavedRow> read_saved_rows(postgres::Session& session);

}  // namespace crossover::sync
