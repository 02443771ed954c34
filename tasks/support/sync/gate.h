#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What the catalogue says of the gate triggers of one database.
enum class GateState {
  absent,  ///< there are none
  open,    ///< all disabled: anyone may write
  closed,  ///< all enabled always: only the apply session may write
  mixed,   ///< neither: somebody else has changed triggers
};
std::string_view name(GateState state);

/// The state, read from pg_trigger in one query. Safe in any transaction.
GateState gate_state(postgres::Session& session);

/// Throws Error{precondition} when the gate of this database, which is `side`, is open: the service
/// lives here, and rows that it has written must not be replaced by older ones. In a transaction
/// that has written to tables, it stays closed for these until the end (open_gate locks them
/// first).
void require_not_live(postgres::Session& session, Side side);
/// The same by the gate of one table, for a transaction that writes to no other: all are opened in
/// one transaction, which waits for it.
void require_not_live(postgres::Session& session, Side side, const SyncedTable& table);

/// Closes the gate: one transaction, sent as one batch, that locks every table in SHARE ROW
/// EXCLUSIVE mode under `lock_timeout`, so that it waits for all transactions that have written,
/// and enables the triggers. No snapshot can look past it, since triggers are read from the
/// catalogue. Fenced by `owner`: throws Error{locked} if it is not the owner any more,
/// Error{timeout} when a lock was not to be had; then nothing has changed. Must not be called
/// inside a transaction. Tables that were renamed or dropped since they were recorded are no
/// hindrance: what has a gate today is closed. (PostgreSQL manual 13.3.1, ALTER TABLE ... ENABLE
/// ALWAYS TRIGGER.)
void close_gate(postgres::Session& session, const std::vector<SyncedTable>& tables,
                std::string_view owner, Duration lock_timeout);

/// Opens the gate in a transaction of its own, fenced by `owner`, as close_gate closes it. For
/// going back where nothing was applied.
void open_gate(postgres::Session& session, const std::vector<SyncedTable>& tables,
               std::string_view owner, Duration lock_timeout);

/// The same inside the caller's transaction, which becomes the owner's from here on: nothing is to
/// be seen of it until that commits. An error has ended the transaction.
void open_gate_in_transaction(postgres::Session& session, const std::vector<SyncedTable>& tables,
                              std::string_view owner, Duration lock_timeout);

/// Before a switch pauses anything: lets the session read all that it needs of the catalogue to
/// lock the tables and to switch their triggers, so that a GateClosing on it need not. Changes
/// nothing and keeps no lock. Throws a database error after `lock_timeout`.
void prepare_closing(postgres::Session& session, const std::vector<SyncedTable>& tables,
                     Duration lock_timeout);

/// Closes the gate in two steps, for a switch: what has to come after the last write need not wait
/// for the triggers of all tables. The constructor locks every table, as close_gate does, and
/// checks the owner: from then on nobody can write and every transaction that has written is over,
/// so any later snapshot shows all there will be. `commit` switches the triggers and commits; only
/// after it has returned may another gate open. An object that goes without it has closed nothing.
/// Errors as of close_gate. Borrows the session.
class GateClosing {
 public:
  GateClosing(postgres::Session& session, const std::vector<SyncedTable>& tables,
              std::string_view owner, Duration lock_timeout);
  ~GateClosing();
  GateClosing(const GateClosing&) = delete;
  GateClosing& operator=(const GateClosing&) = delete;
  /// May run in another thread than the rest, if that one leaves the session alone meanwhile.
  void commit();

 private:
  postgres::Session& session_;
  std::string close_sql_;
};

}  // namespace crossover::sync
