#include "integration/property/writers.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/retry.h"
#include "postgres/sqlstate.h"

namespace crossover::test::property {

namespace {

/// What an application's own doing explains: class 23 (integrity), a TRUNCATE after writes whose
/// deferred constraints are still to be checked (55006), and what is to be retried.
bool is_refusal(const Error& error) {
  return error.sqlstate().starts_with("23") || error.sqlstate() == "40001" ||
         error.sqlstate() == "40P01" || error.sqlstate() == "55P03" || error.sqlstate() == "55006";
}

}  // namespace

postgres::Session connect_application(const PostgresServer& server, const std::string& database) {
  postgres::ConnectionOptions options = server.options(database, "writer");
  options.application_name = "application";
  options.settings["search_path"] = "public";
  options.settings["row_security"] = "on";  // ours are refused what a policy would hide
  // A TRUNCATE that waits for a transaction which stays open would stop everybody behind it.
  options.settings["lock_timeout"] = "100ms";
  return postgres::Session(options);
}

void Writer::perform(const Operation& operation) {
  if (!operation.guarded && !operation.undone) {
    session_->batch(operation.sql);
    return;
  }
  session_->batch("SAVEPOINT before");
  try {
    session_->batch(operation.sql);
  } catch (const Error& error) {
    if (!error.sqlstate().starts_with("23") && error.sqlstate() != "55006") {
      throw;
    }
    session_->batch("ROLLBACK TO SAVEPOINT before");
    return;
  }
  session_->batch(operation.undone ? "ROLLBACK TO SAVEPOINT before" : "RELEASE SAVEPOINT before");
}

// These statements can't fail by a constraint unless something is wrong: a token's id comes from a
// sequence alone.
void Writer::count(const Work& work, int token) {
  counting_ = true;
  const std::string id = std::to_string(number_);
  if (work.reads_first) {
    const auto value =
        session_->query("SELECT value FROM public.counter WHERE id = $1::int FOR UPDATE", {id})
            .int64(0, 0);
    session_->query("UPDATE public.counter SET value = $2::bigint WHERE id = $1::int",
                    {id, std::to_string(value + 1)});
  } else {
    session_->query("UPDATE public.counter SET value = value + 1 WHERE id = $1::int", {id});
  }
  session_->query("INSERT INTO public.token (writer, token) VALUES ($1::int, $2::int)",
                  {id, std::to_string(token)});
  counting_ = false;
}

void Writer::connect(const PostgresServer& server) {
  if (std::exchange(server_, &server) != &server || session_->broken()) {
    log_in();
  }
}

void Writer::log_in() {
  transaction_.reset();
  session_.reset();
  const SystemClock clock;
  const StopRequest never;
  // Where servers go away they may be away just now.
  const bool there =
      poll(clock, never, std::chrono::seconds(60), std::chrono::milliseconds(5), [&] {
        try {
          session_.emplace(connect_application(*server_, database_));
          return true;
        } catch (const Error& error) {
          if (on_loss_ == OnLoss::fail || !postgres::is_connection_failure(error)) {
            throw;
          }
          return false;
        }
      });
  if (!there) {
    throw std::runtime_error("the server did not come back");
  }
}

bool Writer::committed_before_loss() {
  const int token = std::exchange(committing_, no_token);
  log_in();
  return token != no_token &&
         !session_
              ->query("SELECT FROM public.token WHERE writer = $1::int AND token = $2::int",
                      {std::to_string(number_), std::to_string(token)})
              .empty();
}

Writer::Outcome Writer::outcome_of(const Error& error) {
  const bool counting = std::exchange(counting_, false);
  if (error.sqlstate() == postgres::sqlstate::read_only) {
    return Outcome::closed;
  }
  if (is_refusal(error) && !(counting && error.sqlstate().starts_with("23"))) {
    return Outcome::refused;
  }
  if (on_loss_ == OnLoss::reconnect &&
      (session_->broken() || postgres::is_connection_failure(error))) {
    return committed_before_loss() ? Outcome::acknowledged : Outcome::refused;
  }
  throw Error(error);
}

Writer::Outcome Writer::attempt(const std::function<void()>& body) {
  try {
    body();
    return Outcome::acknowledged;
  } catch (const Error& error) {
    transaction_.reset();
    return outcome_of(error);
  }
}

Writer::Outcome Writer::begin(const Work& work) {
  return attempt([&] {
    transaction_ =
        std::make_unique<postgres::Transaction>(*session_, "ISOLATION LEVEL " + work.isolation);
    if (work.asynchronous) {
      session_->batch("SET LOCAL synchronous_commit = off");
    }
    // Takes the snapshot, where it is kept.
    session_->query("SELECT count(*) FROM public.token");
  });
}

Writer::Outcome Writer::perform(const Work& work) {
  return attempt([&] {
    for (const Operation& operation : work.operations) {
      perform(operation);
    }
  });
}

Writer::Outcome Writer::end(const Work& work) {
  const int token = next_token_++;
  committing_ = work.counts ? token : no_token;
  const Outcome outcome = attempt([&] {
    if (work.counts) {
      count(work, token);
    }
    if (work.rolls_back) {
      transaction_->rollback();
    } else {
      transaction_->commit();
    }
    transaction_.reset();
  });
  committing_ = no_token;
  if (outcome == Outcome::acknowledged && work.counts && !work.rolls_back) {
    ++acknowledged_.counter;
    acknowledged_.tokens.push_back(token);
  }
  return outcome;
}

Writer::Outcome Writer::run(const Work& work) {
  Outcome outcome = begin(work);
  if (outcome == Outcome::acknowledged) {
    outcome = perform(work);
  }
  return outcome == Outcome::acknowledged ? end(work) : outcome;
}

Writers::Writers(const std::vector<std::vector<Work>>& works, const std::string& database,
                 Duration pause, OnLoss on_loss)
    : works_(works), pause_(pause) {
  for (const std::vector<Work>& all : works) {
    times_.emplace_back(all.size());
    writers_.emplace_back(static_cast<int>(writers_.size()), database, on_loss);
  }
  for (std::size_t i = 0; i < works.size(); ++i) {
    threads_.emplace_back([this, i] { run(i); });
  }
}

Writers::~Writers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    parking_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void Writers::release(const PostgresServer& server) {
  {
    const std::lock_guard lock(mutex_);
    server_ = &server;
    parking_ = false;
    ++releases_;
  }
  changed_.notify_all();
}

void Writers::park() {
  std::unique_lock lock(mutex_);
  parking_ = true;
  changed_.wait(lock, [this] { return working_ == 0; });
}

std::string Writers::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Writers::wait_for(std::uint64_t count) {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = transactions_ + count;
  changed_.wait_for(lock, std::chrono::milliseconds(300),
                    [&] { return working_ == 0 || transactions_ >= wanted; });
}

std::string Writers::wait_for_round(Duration budget) {
  std::unique_lock lock(mutex_);
  const auto before = times_;
  std::string missing;
  const auto all_through = [&] {
    for (std::size_t i = 0; i < times_.size(); ++i) {
      for (std::size_t work = 0; work < times_[i].size(); ++work) {
        if (times_[i][work] == before[i][work]) {
          missing = fmt::format("writer {} never got through with: {}", i,
                                works_[i][work].operations.front().sql);
          return false;
        }
      }
    }
    return true;
  };
  const bool ended =
      changed_.wait_for(lock, budget, [&] { return !failure_.empty() || all_through(); });
  return ended ? failure_ : missing;
}

std::vector<Acknowledged> Writers::acknowledged() {
  const std::lock_guard lock(mutex_);
  std::vector<Acknowledged> all;
  for (const Writer& writer : writers_) {
    all.push_back(writer.acknowledged());
  }
  return all;
}

void Writers::correct(const std::vector<Acknowledged>& there) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    writers_[i].correct(there.at(i));
  }
}

// A writer that met a closed gate waits for the next release, as do all when they are to park.
bool Writers::wait_for_release(std::size_t index, std::uint64_t& seen) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ending_ || (!parking_ && releases_ != seen); });
  if (ending_) {
    return false;
  }
  seen = releases_;
  ++working_;
  const PostgresServer& server = *server_;
  lock.unlock();
  writers_[index].connect(server);
  return true;
}

void Writers::run(std::size_t index) {
  std::uint64_t seen = 0;
  std::size_t next = 0;
  const std::vector<Work>& works = works_[index];
  try {
    while (wait_for_release(index, seen)) {
      bool closed = works.empty();
      while (!closed) {
        const std::size_t work = next++ % works.size();
        const Writer::Outcome outcome = writers_[index].run(works[work]);
        closed = outcome == Writer::Outcome::closed;
        if (pause_ > Duration(0)) {
          std::this_thread::sleep_for(pause_);
        }
        const std::lock_guard lock(mutex_);
        ++transactions_;
        times_[index][work] += outcome == Writer::Outcome::acknowledged ? 1 : 0;
        changed_.notify_all();
        closed = closed || parking_ || releases_ != seen;
      }
      const std::lock_guard lock(mutex_);
      --working_;
      changed_.notify_all();
    }
  } catch (const std::exception& error) {
    const auto* own = dynamic_cast<const Error*>(&error);
    const std::lock_guard lock(mutex_);
    failure_ = fmt::format("writer {}: {} {}", index, own ? own->text() : error.what(),
                           own ? own->sqlstate() : "");
    --working_;
    changed_.notify_all();
  }
}

}  // namespace crossover::test::property
