#include "integration/property/nuisance.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "postgres/sqlstate.h"

namespace crossover::test::property {

using sync::Side;

namespace {

// As a backup, an index or a migration of the application's takes it.
constexpr const char* lock_modes[] = {"ACCESS SHARE", "SHARE", "ACCESS EXCLUSIVE"};

std::string signal_sql(std::string_view function) {
  return fmt::format(
      "SELECT {}(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
      "application_name LIKE 'crossover test %'",
      function);
}

}  // namespace

std::string Fault::text() const {
  static constexpr const char* places[] = {"", "the source", "the target", "both sides"};
  static constexpr const char* events[] = {
      "our sessions are terminated at", "our statements are cancelled at",
      "our connections are cut to",     "somebody locks a table on",
      "the server is restarted on",     "the server crashes on"};
  return where == Where::nowhere ? ""
                                 : fmt::format("{} {}", events[static_cast<int>(what)],
                                               places[static_cast<int>(where)]);
}

Fault draw_fault(Random& random, int percent, int longest_microseconds, bool unlogged) {
  using What = Fault::What;
  static const std::vector<Fault::Where> wheres = {Fault::Where::source, Fault::Where::target,
                                                   Fault::Where::both};
  static const std::vector<What> whats = {
      What::terminated, What::terminated, What::terminated, What::terminated, What::terminated,
      What::terminated, What::cut,        What::cut,        What::cut,        What::cut,
      What::cut,        What::cancelled,  What::cancelled,  What::cancelled,  What::locked,
      What::locked,     What::locked,     What::restarted,  What::crashed,    What::crashed};
  if (!random.chance(percent)) {
    return {};
  }
  Fault fault{random.pick(wheres), random.below(longest_microseconds), random.pick(whats),
              random.below(1000)};
  if (fault.what == What::crashed && unlogged) {
    fault.what = What::restarted;
  }
  return fault;
}

Nuisance::Nuisance(Site& site, const Fault& fault, Side source,
                   const std::vector<sync::SyncedTable>& tables)
    : site_(site), fault_(fault) {
  if (!armed()) {
    return;
  }
  for (const Side side : {source, sync::other(source)}) {
    const bool at_source = side == source;
    if (fault.where == Fault::Where::both || (fault.where == Fault::Where::source) == at_source) {
      sides_.push_back(side);
      site.look(side);  // connects
    }
  }
  if (!tables.empty()) {
    const auto number = static_cast<std::size_t>(fault.number);
    lock_sql_ = fmt::format("LOCK TABLE {} IN {} MODE",
                            tables[number % tables.size()].table.quoted(), lock_modes[number % 3]);
  }
  thread_ = std::thread([this] {
    std::this_thread::sleep_for(std::chrono::microseconds(fault_.after_microseconds));
    try {
      for (const Side side : sides_) {
        strike(side);
      }
    } catch (const std::exception&) {
      failure_ = std::current_exception();
    }
  });
}

Nuisance::~Nuisance() {
  try {
    wait();
  } catch (const std::exception&) {  // the case fails already
  }
}

void Nuisance::strike(Side side) {
  switch (fault_.what) {
    case Fault::What::terminated:
      site_.look(side).query(signal_sql("pg_terminate_backend"));
      break;
    case Fault::What::cancelled:
      site_.look(side).query(signal_sql("pg_cancel_backend"));
      break;
    case Fault::What::cut:
      site_.network(side)->cut();
      break;
    case Fault::What::locked:
      hold_lock(site_.look(side));
      break;
    case Fault::What::restarted:
      stopped_.insert(side);
      site_.server(side).stop(PostgresServer::Stop::fast);
      break;
    case Fault::What::crashed:
      stopped_.insert(side);
      site_.server(side).crash();
      break;
  }
}

void Nuisance::hold_lock(postgres::Session& session) {
  if (lock_sql_.empty()) {
    return;
  }
  try {
    const postgres::Transaction transaction(session);
    session.batch("SET LOCAL lock_timeout = '200ms'");
    session.batch(lock_sql_);
    session.query("SELECT pg_sleep(0.1)");
  } catch (const Error& error) {
    if (!postgres::is_lock_conflict(error)) {
      throw;
    }
  }
}

void Nuisance::wait() {
  if (thread_.joinable()) {
    thread_.join();
  }
  for (const Side side : std::exchange(stopped_, {})) {
    site_.start(side);
  }
  if (const std::exception_ptr failure = std::exchange(failure_, nullptr)) {
    std::rethrow_exception(failure);
  }
}

bool Nuisance::explains(const Error& error) const {
  if (!armed()) {
    return false;
  }
  const std::string_view state = error.sqlstate();
  return state.starts_with("08") || state.starts_with("57P") ||
         error.kind() == ErrorKind::cancelled ||
         (fault_.what == Fault::What::cancelled && state == postgres::sqlstate::cancelled);
}

}  // namespace crossover::test::property
