#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sync/database.h"

namespace crossover::cutover {

using sync::Side;

/// What a pooler says of the entry that the application uses.
struct PoolerState {
  /// Whether it has the entry at all. One that has just started has not: it never serves a guess.
  bool serving = false;
  std::optional<Side> target;  ///< the side that the entry leads to; nothing: to something else
  bool paused = false;
  std::string leads_to;  ///< "host:port/database", for messages; empty without the entry
};

/// What can be told to a pooler.
enum class PoolerCommand {
  pause,    ///< running transactions end, server connections close, new ones wait
  cut_off,  ///< clients and server connections are dropped, new ones wait as in a pause
  resume,   ///< those that wait go on
  use_old,  ///< the next reload reads the file that leads to the old database
  use_new,  ///< ... to the new one
  reload,   ///< reads the file
};

constexpr PoolerCommand use(Side side) {
  return side == Side::old_side ? PoolerCommand::use_old : PoolerCommand::use_new;
}

/// One connection pooler between the application and the databases. A command is begun and ended
/// apart, so that a fleet can be commanded at once. Commands are idempotent: pausing a paused
/// pooler and resuming a running one are no errors.
///
/// Every call throws Error{failure} or Error{timeout} naming the pooler; after a timeout a further
/// call reconnects. Not thread-safe.
class Pooler {
 public:
  virtual ~Pooler() = default;
  virtual const std::string& name() const = 0;

  virtual void begin(PoolerCommand command, const Deadline& deadline) = 0;
  virtual void end(const Deadline& deadline) = 0;
  virtual PoolerState state(const Deadline& deadline) = 0;
  /// Whether it is just opening a connection to the database. A pause breaks that off, which
  /// PgBouncer takes for a database that refuses it: behind the pause it then lets requests fail
  /// until the next connection is there.
  virtual bool connecting(const Deadline& deadline) = 0;

  /// Ends all other administrators' connections: whatever a process that was stopped between its
  /// last check and its command still sends then reaches nobody.
  virtual void expel_others(const Deadline& deadline) = 0;

  /// Throws unless a query sent through the check entry is answered by the new database.
  virtual void ping_check_entry() = 0;
};

}  // namespace crossover::cutover
