#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The statements that make capture and gate, as text: pure functions, so that tests can look at
/// them.
///
/// All functions are SECURITY DEFINER with a pinned search_path and fully qualified, static SQL,
/// since they run inside the statements of the application's role, which has no right on schema
/// crossover.

/// The condition under which triggers fire: always, but for the session that knows the token. It
/// holds the token's SHA-256 only. (WHEN of a statement trigger: PostgreSQL manual, CREATE
/// TRIGGER.)
std::string unless_applying(const Secret& apply_token);

/// crossover.log_<id>: what was written to the table, one row per changed key.
std::string create_log_sql(const SyncedTable& table);
/// The capture functions of the table.
std::string create_capture_functions_sql(const SyncedTable& table);
/// The capture triggers on one relation of the table, ENABLE ALWAYS.
std::string create_capture_triggers_sql(const SyncedTable& table, const TableName& relation,
                                        const Secret& apply_token);
/// crossover.refuse(): raises 25006 (read_only_sql_transaction).
std::string create_gate_function_sql();
/// The gate's trigger on one relation, disabled unless `closed`.
std::string create_gate_trigger_sql(const TableName& relation, const Secret& apply_token,
                                    bool closed);

/// Turns every function of the table into one that does nothing, so that dropping the triggers can
/// take its time.
std::string disarm_capture_sql(const SyncedTable& table);
std::string drop_capture_triggers_sql(const TableName& relation);
std::string drop_capture_sql(const SyncedTable& table);

/// crossover.log_7
std::string log_name(const SyncedTable& table);

inline constexpr std::string_view gate_trigger = "crossover_gate";

}  // namespace crossover::sync
