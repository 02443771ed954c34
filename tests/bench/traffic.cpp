#include "bench/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/error.h"

namespace crossover::bench {
namespace {

using postgres::Session;

constexpr int writers = 16;
constexpr std::array<const char*, 3> levels = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
// Counters that are incremented by anybody; read and written by anybody at a level where the server
// notices a conflict; and one for each writer, for where it does not.
constexpr std::int64_t incremented = 2'000;
constexpr std::int64_t rewritten = 2'000;
constexpr std::int64_t own = incremented + rewritten;
constexpr std::int64_t counters = own + writers;

enum class Kind { increment, rewrite, insert };

Kind kind_of(std::size_t index) { return static_cast<Kind>(index % 3); }
std::size_t level_of(std::size_t index) { return index / 3 % 3; }

// A quarter of the changes goes to a few rows, as in life: else nobody would meet a conflict.
std::int64_t any_of(std::int64_t first, std::int64_t count, std::mt19937& random) {
  const std::int64_t among = random() % 4 == 0 ? 4 : count;
  return first + static_cast<std::int64_t>(random()) % among;
}

std::int64_t counter_of(std::size_t index, std::mt19937& random) {
  switch (kind_of(index)) {
    case Kind::increment:
      return any_of(1, incremented, random);
    case Kind::rewrite:
      return level_of(index) == 0 ? own + 1 + static_cast<std::int64_t>(index)
                                  : any_of(incremented + 1, rewritten, random);
    case Kind::insert:
      break;
  }
  return 0;
}

std::string token(std::size_t index, std::int64_t number) {
  return fmt::format("{}-{}", index, number);
}

void change_counter(Session& session, Kind kind, const std::string& id) {
  if (kind == Kind::increment) {
    session.execute_prepared("increment", {id});
  } else {
    const std::int64_t n = session.execute_prepared("read", {id}).int64(0, 0);
    session.execute_prepared("set", {id, std::to_string(n + 1)});
  }
}

double in_ms(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Of one session, so many of which make the rate.
std::chrono::nanoseconds interval_of(int rate) {
  return std::chrono::nanoseconds(std::chrono::seconds(writers)) / rate;
}

using Times = std::vector<std::chrono::steady_clock::time_point>;

/// The longest time between neighbours of `times` and the two ends.
double longest_gap(Times times, Times::value_type begin, Times::value_type end) {
  std::erase_if(times, [&](const auto& time) { return time < begin || time > end; });
  times.push_back(begin);
  times.push_back(end);
  std::sort(times.begin(), times.end());
  double longest = 0;
  for (std::size_t i = 1; i < times.size(); ++i) {
    longest = std::max(longest, in_ms(times[i] - times[i - 1]));
  }
  return longest;
}

}  // namespace

void make_traffic_schema(Session& session) {
  session.batch(
      "CREATE TABLE public.counter(id bigint PRIMARY KEY, n bigint NOT NULL DEFAULT 0);"
      "CREATE TABLE public.event(id bigserial PRIMARY KEY, counter_id bigint REFERENCES "
      "public.counter, token text NOT NULL, at timestamptz NOT NULL DEFAULT now());"
      "GRANT USAGE ON SCHEMA public TO app;"
      "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app;"
      "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO app;");
}

void fill_traffic_tables(Session& session, std::int64_t events) {
  session.query("INSERT INTO public.counter(id) SELECT * FROM generate_series(1, $1::bigint)",
                {std::to_string(counters)});
  session.query(
      "INSERT INTO public.event(counter_id, token) SELECT 1 + i % $2::bigint, 'before-' || i FROM "
      "generate_series(1, $1::bigint) i",
      {std::to_string(events), std::to_string(counters)});
  session.batch("VACUUM ANALYZE");
  session.batch("CHECKPOINT");
}

Traffic::Traffic(postgres::ConnectionOptions place, int rate)
    : interval_(interval_of(rate)),
      start_(Clock::now()),
      places_{std::move(place)},
      writers_(writers) {
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    threads_.emplace_back([this, i] { run(i); });
  }
}

Traffic::~Traffic() { stop(); }

void Traffic::mark() { marks_.push_back(Clock::now()); }

void Traffic::set_rate(int rate) { interval_ = interval_of(rate); }

void Traffic::repoint(postgres::ConnectionOptions place, std::chrono::milliseconds spread) {
  const std::lock_guard lock(mutex_);
  places_.push_back(std::move(place));
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    writers_[i].moves_at = Clock::now() + spread * static_cast<int>(i) / writers;
  }
}

void Traffic::set_down(bool down) { down_ = down; }

void Traffic::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
  if (!threads_.empty()) {
    end_ = Clock::now();
    threads_.clear();
  }
}

void Traffic::connect(std::size_t index, std::unique_ptr<Session>& session) {
  postgres::ConnectionOptions place;
  {
    const std::lock_guard lock(mutex_);
    Writer& writer = writers_[index];
    if (writer.place + 1 < places_.size() && Clock::now() >= writer.moves_at) {
      writer.place = places_.size() - 1;
      session.reset();
    }
    if (session) {
      return;
    }
    place = places_[writer.place];
  }
  session = std::make_unique<Session>(place);
  session->prepare("increment", "UPDATE public.counter SET n = n + 1 WHERE id = $1");
  session->prepare("read", "SELECT n FROM public.counter WHERE id = $1");
  session->prepare("set", "UPDATE public.counter SET n = $2 WHERE id = $1");
  session->prepare("add", "INSERT INTO public.event(counter_id, token) VALUES ($1, $2)");
}

void Traffic::write(std::size_t index, std::unique_ptr<Session>& session, const Write& write) {
  const Kind kind = kind_of(index);
  const std::size_t level = level_of(index);
  while (true) {
    connect(index, session);
    try {
      if (kind == Kind::insert && level == 0) {
        session->execute_prepared("add", {std::nullopt, token(index, write.number)});
        return;
      }
      session->batch(fmt::format("BEGIN ISOLATION LEVEL {}", levels.at(level)));
      postgres::Param id;
      if (kind != Kind::insert) {
        id = std::to_string(write.counter);
        change_counter(*session, kind, *id);
      }
      session->execute_prepared("add", {id, token(index, write.number)});
      session->batch("COMMIT");
      return;
    } catch (const Error& error) {
      if (session->broken()) {
        session.reset();
      } else if (session->in_transaction()) {
        session->batch("ROLLBACK");
      }
      if (error.sqlstate() != "40001" || stopping_) {
        throw;
      }
      ++writers_[index].retried;
    }
  }
}

void Traffic::run(std::size_t index) {
  Writer& writer = writers_[index];
  std::mt19937 random(static_cast<unsigned>(index));
  std::unique_ptr<Session> session;
  // Evenly spread, and a schedule rather than a pause between.
  auto next = start_ + interval_.load() * static_cast<int>(index) / writers;
  for (std::int64_t number = 0; !stopping_; ++number) {
    std::this_thread::sleep_until(next);
    const std::chrono::nanoseconds interval = interval_;
    const Clock::time_point begun = Clock::now();
    next = std::max(next + interval, begun - 20 * interval);
    Write due{number, counter_of(index, random), {}, {}};
    try {
      if (down_) {
        session.reset();
        throw Error(ErrorKind::failure, "the service is stopped");
      }
      write(index, session, due);
      due.at = Clock::now();
      due.took = due.at - begun;
      writer.acknowledged.push_back(due);
      ++acknowledged_;
    } catch (const Error& error) {
      if (stopping_ && error.sqlstate() == "40001") {
        return;  // It was rolled back, and would have been tried again.
      }
      writer.failed.push_back(due);
      const std::string& text = error.message();
      ++writer.failures[error.sqlstate() + " " + text.substr(0, text.find('\n'))];
      if (session && session->broken()) {
        session.reset();
      }
    }
  }
}

void Traffic::compare_tokens(Session& database, Figures& figures,
                             std::map<std::int64_t, std::int64_t>& expected) const {
  std::map<std::string, std::uint64_t> there;
  const auto rows = database.query(
      "SELECT token, count(*) FROM public.event WHERE token NOT LIKE 'before-%' GROUP BY token");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    there.emplace(rows.text(i, 0), static_cast<std::uint64_t>(rows.int64(i, 1)));
    figures.doubled += rows.int64(i, 1) > 1 ? 1 : 0;
  }
  for (std::size_t index = 0; index < writers_.size(); ++index) {
    for (const Write& write : writers_[index].acknowledged) {
      figures.lost += there.contains(token(index, write.number)) ? 0 : 1;
      ++expected[write.counter];
    }
    for (const Write& write : writers_[index].failed) {
      if (there.contains(token(index, write.number))) {
        ++figures.in_doubt;
        ++expected[write.counter];
      }
    }
  }
}

void Traffic::measure_gaps(Figures& figures) const {
  const Clock::time_point mark = marks_.empty() ? end_ : marks_.front();
  Times all;
  for (const Writer& writer : writers_) {
    Times times;
    for (const Write& write : writer.acknowledged) {
      times.push_back(write.at);
    }
    figures.worst_writer_ms = std::max(figures.worst_writer_ms, longest_gap(times, mark, end_));
    all.insert(all.end(), times.begin(), times.end());
  }
  // The first second is that of connecting.
  const Clock::time_point begin = start_ + std::chrono::seconds(1);
  const auto before = std::count_if(all.begin(), all.end(),
                                    [&](const auto& time) { return time >= begin && time < mark; });
  figures.writes_per_second = static_cast<double>(before) * 1e3 / in_ms(mark - begin);
  figures.gap_before_ms = longest_gap(all, begin, mark);
  figures.longest_gap_ms = longest_gap(all, mark, end_);
}

Figures Traffic::figures(Session& database, std::int64_t events) const {
  Figures figures;
  std::map<std::int64_t, std::int64_t> expected;
  for (const Writer& writer : writers_) {
    figures.acknowledged += writer.acknowledged.size();
    figures.failed += writer.failed.size();
    figures.retried += writer.retried;
    for (const auto& [text, count] : writer.failures) {
      figures.failures[text] += count;
    }
  }
  compare_tokens(database, figures, expected);
  const auto rows = database.query("SELECT id, n FROM public.counter");
  figures.wrong_counters =
      static_cast<std::uint64_t>(counters) - std::min<std::uint64_t>(counters, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    figures.wrong_counters += rows.int64(i, 1) == expected[rows.int64(i, 0)] ? 0 : 1;
  }
  const std::int64_t kept =
      database.query("SELECT count(*) FROM public.event WHERE token LIKE 'before-%'").int64(0, 0);
  figures.missing_rows = static_cast<std::uint64_t>(std::max<std::int64_t>(0, events - kept));
  measure_gaps(figures);
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    figures.periods.push_back(period(marks_[i], i + 1 < marks_.size() ? marks_[i + 1] : end_));
  }
  return figures;
}

Period Traffic::period(Clock::time_point begin, Clock::time_point end) const {
  std::vector<double> ms;
  for (const Writer& writer : writers_) {
    for (const Write& write : writer.acknowledged) {
      if (begin <= write.at && write.at < end) {
        ms.push_back(in_ms(write.took));
      }
    }
  }
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double share) {
    return ms.empty() ? 0
                      : ms.at(static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1)));
  };
  return {in_ms(end - begin) / 1e3, ms.size(), at(0.5), at(0.99), at(1)};
}

}  // namespace crossover::bench
