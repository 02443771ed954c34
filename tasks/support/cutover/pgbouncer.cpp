#include "cutover/pgbouncer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cutover/admin_console.h"
#include "postgres/session.h"
#include "sync/state.h"

namespace crossover::cutover {
namespace {

using postgres::Rows;

std::size_t column(const Rows& rows, std::string_view name) {
  for (std::size_t i = 0; i < rows.columns(); ++i) {
    if (rows.column_name(i) == name) {
      return i;
    }
  }
  throw Error(ErrorKind::failure,
              fmt::format("unable to read a pooler's answer: it has no column '{}'", name),
              "use PgBouncer 1.24 or newer");
}

class Pgbouncer final : public Pooler {
 public:
  explicit Pgbouncer(PgbouncerOptions options) : options_(std::move(options)) {}

  const std::string& name() const override { return options_.name; }

  void begin(PoolerCommand command, const Deadline& deadline) override {
    command_ = command;
    console(deadline).send(text(command));
  }

  void end(const Deadline& deadline) override {
    try {
      console_->receive(deadline);
    } catch (const Error& error) {
      if (!harmless(error)) {
        throw;
      }
    }
  }

  PoolerState state(const Deadline& deadline) override {
    const Rows rows = console(deadline).run("SHOW DATABASES", deadline);
    const std::size_t names = column(rows, "name");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows.text(i, names) == options_.entry) {
        return read(rows, i);
      }
    }
    return {};
  }

  bool connecting(const Deadline& deadline) override {
    const Rows rows = console(deadline).run("SHOW POOLS", deadline);
    const std::size_t database = column(rows, "database");
    const std::size_t logins = column(rows, "sv_login");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows.text(i, database) == options_.entry && rows.int64(i, logins) > 0) {
        return true;
      }
    }
    return false;
  }

  void expel_others(const Deadline& deadline) override {
    AdminConsole& mine = console(deadline);
    const Rows rows = mine.run("SHOW CLIENTS", deadline);
    const std::size_t database = column(rows, "database");
    const std::size_t application = column(rows, "application_name");
    const std::size_t id = column(rows, "id");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows.text(i, database) != "pgbouncer" ||
          rows.text(i, application) == options_.admin.application_name) {
        continue;
      }
      try {
        mine.run(fmt::format("KILL_CLIENT {}", rows.text(i, id)), deadline);
      } catch (const Error& error) {
        if (mine.broken()) {
          throw;  // else it has gone by itself meanwhile
        }
      }
    }
  }

  void ping_check_entry() override {
    if (options_.check_user.empty()) {
      return;
    }
    postgres::ConnectionOptions login = options_.admin;
    login.database = check_entry(options_.entry);
    login.user = options_.check_user;
    login.password = options_.check_password;
    login.plain = true;
    login.connect_timeout = std::chrono::seconds(5);
    try {
      postgres::Session session(login);
      session.batch_last("SELECT 1");
    } catch (Error& error) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to reach the new database through pooler '{}': {}",
                              options_.name, error.message()),
                  "make the application's credentials, the network rules and TLS of the new "
                  "database right for the pooler: `db-provision status`");
    }
  }

 private:
  // Reconnects after an error: a console whose answer did not come can't be used any more.
  AdminConsole& console(const Deadline& deadline) {
    if (!console_ || console_->broken()) {
      console_.reset();
      // By this name we find our own session among the pooler's clients: addresses say nothing,
      // since a port-forward or NAT lies between.
      options_.admin.application_name = fmt::format("crossover {}", sync::new_token());
      console_ = std::make_unique<AdminConsole>(options_.name, options_.admin, deadline);
    }
    return *console_;
  }

  std::string text(PoolerCommand command) const {
    switch (command) {
      case PoolerCommand::pause:
        return fmt::format("PAUSE {}", postgres::quote_identifier(options_.entry));
      case PoolerCommand::cut_off:
        return fmt::format("KILL {}", postgres::quote_identifier(options_.entry));
      case PoolerCommand::resume:
        return fmt::format("RESUME {}", postgres::quote_identifier(options_.entry));
      case PoolerCommand::use_old:
        return fmt::format("SET conffile = {}",
                           postgres::quote_literal(options_.folder + "/old.ini"));
      case PoolerCommand::use_new:
        return fmt::format("SET conffile = {}",
                           postgres::quote_literal(options_.folder + "/new.ini"));
      case PoolerCommand::reload:
        break;
    }
    return "RELOAD";
  }

  // PgBouncer calls it an error to resume what runs and to pause what is paused.
  bool harmless(const Error& error) const {
    const bool about_pausing =
        command_ == PoolerCommand::pause || command_ == PoolerCommand::resume;
    return about_pausing && !console_->broken() &&
           (error.message().find("not paused") != std::string::npos ||
            error.message().find("already") != std::string::npos);
  }

  PoolerState read(const Rows& rows, std::size_t row) const {
    PoolerTarget target;
    target.host = rows.text(row, column(rows, "host"));
    target.port = static_cast<int>(rows.int64(row, column(rows, "port")));
    target.database = rows.text(row, column(rows, "database"));
    PoolerState state;
    state.serving = true;
    state.paused = rows.text(row, column(rows, "paused")) == "1";
    state.leads_to = target.text();
    if (target == options_.old_target) {
      state.target = Side::old_side;
    } else if (target == options_.new_target) {
      state.target = Side::new_side;
    }
    return state;
  }

  PgbouncerOptions options_;
  std::unique_ptr<AdminConsole> console_;
  PoolerCommand command_ = PoolerCommand::reload;
};

}  // namespace

std::string PoolerTarget::text() const { return fmt::format("{}:{}/{}", host, port, database); }

std::string check_entry(const std::string& entry) { return entry + "_check"; }

std::unique_ptr<Pooler> make_pgbouncer(PgbouncerOptions options) {
  return std::make_unique<Pgbouncer>(std::move(options));
}

}  // namespace crossover::cutover
