#include "integration/property/application.h"

#include "base/error.h"
#include "integration/property/comparison.h"

namespace crossover::test::property {

using sync::Side;

namespace {

constexpr int holder_number = 9;

OnLoss on_loss(const Case& what) { return what.stops_servers() ? OnLoss::reconnect : OnLoss::fail; }

// What a constraint refuses is left out.
void run_all(postgres::Session& session, const std::vector<Operation>& operations) {
  for (const Operation& operation : operations) {
    try {
      session.batch(operation.sql);
    } catch (const Error& error) {
      if (!error.sqlstate().starts_with("23")) {
        throw;
      }
    }
  }
}

}  // namespace

Application::Application(const Case& what, Site& site)
    : case_(what),
      site_(site),
      writers_(what.writers, site.database(), what.pause, on_loss(what)),
      holder_(holder_number, site.database(), on_loss(what)) {
  for (const Table& table : case_.schema.tables) {
    if (table.skipped) {
      skipped_.push_back(table.schema_name() + "." + table.bare);
    }
  }
}

void Application::fill() {
  postgres::Session session = connect_application(site_.server(Side::old_side), site_.database());
  run_all(session, case_.fill);
  postgres::Session& other = site_.look(Side::new_side);
  other.batch("SET session_replication_role = replica");  // what they refer to is not there yet
  run_all(other, case_.kept);
  other.batch("SET session_replication_role = DEFAULT");
  for (const Table& table : case_.schema.tables) {
    if (table.skipped) {
      kept_[table.name] = digest(other, table.name);
    }
  }
}

std::string Application::touched_skipped() {
  for (const auto& [table, before] : std::exchange(kept_, {})) {
    if (digest(site_.look(Side::new_side), table) != before) {
      return table + " is skipped and not what it was on the new side";
    }
  }
  return "";
}

void Application::hold(Side live, bool writes) {
  if (held_ == nullptr && !case_.held.empty()) {
    holder_.connect(site_.server(live));
    const Work& work = case_.held[next_held_++ % case_.held.size()];
    has_written_ = false;
    if (holder_.begin(work) == Writer::Outcome::acknowledged) {
      held_ = &work;
    }
  }
  if (held_ != nullptr && writes && !has_written_) {
    write_held();
  }
}

void Application::write_held() {
  has_written_ = true;
  if (holder_.perform(*held_) != Writer::Outcome::acknowledged) {
    held_ = nullptr;
  }
}

void Application::settle() {
  if (held_ != nullptr && !has_written_) {
    write_held();
  }
  if (held_ != nullptr) {
    holder_.end(*held_);
    held_ = nullptr;
  }
}

std::string Application::open_transaction() const {
  if (held_ == nullptr) {
    return "";
  }
  return has_written_ ? " beside a transaction that has written" : " beside a transaction";
}

std::vector<Acknowledged> Application::told() {
  std::vector<Acknowledged> all = writers_.acknowledged();
  all.resize(holder_number);
  all.push_back(holder_.acknowledged());
  return all;
}

std::uint64_t Application::acknowledged_now() {
  std::uint64_t count = 0;
  for (const Acknowledged& one : told()) {
    count += one.tokens.size();
  }
  return count;
}

std::string Application::differences() {
  acknowledged_ = acknowledged_now();
  return compare_rows(site_, skipped_) + compare_acknowledged(site_, told());
}

std::string Application::forget_lost(Side live) {
  std::vector<Acknowledged> there = read_acknowledged(site_.look(live));
  const std::vector<Acknowledged> all = told();
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) {
    text += more_than_acknowledged(i, there[i], all[i]);
  }
  holder_.correct(there[holder_number]);
  writers_.correct(there);
  return text;
}

}  // namespace crossover::test::property
