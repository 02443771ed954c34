#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "postgres/connection_options.h"
#include "postgres/rows.h"

namespace crossover::cutover {

/// A connection to a pooler's administration console (PgBouncer manual, "Admin console"): the
/// simple protocol only, one command at a time. A command is sent and received apart, so that a
/// whole fleet can be commanded at once from one thread, and every wait has a deadline, which a
/// Session of module postgres has not.
///
/// Errors: `unable to command pooler 'NAME': <cause>`; Error{timeout} when the deadline passed, and
/// then the console is broken, since the answer may still come. Move-only; one thread at a time.
class AdminConsole {
 public:
  /// Connects to database `pgbouncer` at `address` (whose own database name is not looked at).
  /// `name` stands for the pooler in texts.
  AdminConsole(std::string name, const postgres::ConnectionOptions& address,
               const Deadline& deadline);
  AdminConsole(AdminConsole&&) noexcept;
  AdminConsole& operator=(AdminConsole&&) noexcept;
  ~AdminConsole();

  /// Sends a command without waiting for its answer.
  void send(const std::string& command);
  /// The answer to the command sent last.
  postgres::Rows receive(const Deadline& deadline);
  postgres::Rows run(const std::string& command, const Deadline& deadline) {
    send(command);
    return receive(deadline);
  }

  /// No further command can be given.
  bool broken() const;

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace crossover::cutover
