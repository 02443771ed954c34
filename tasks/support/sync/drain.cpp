#include "sync/drain.h"

#include <fmt/format.h>

#include <deque>
#include <future>
#include <optional>

#include "base/error.h"
#include "base/retry.h"
#include "base/stop_point.h"
#include "postgres/sqlstate.h"
#include "sync/carried_mark.h"
#include "sync/change_reader.h"
#include "sync/change_writer.h"
#include "sync/fingerprint.h"
#include "sync/gate.h"
#include "sync/kept_rows.h"
#include "sync/position.h"
#include "sync/schema_proof.h"
#include "sync/sequences.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

// A session that waits for one table while it holds another makes an application's TRUNCATE a
// deadlock. So a drain whose time is not scarce gives way sooner than any server looks for one
// (deadlock_timeout, 1 s), and begins anew.
constexpr std::string_view yield_to_locks = "SET lock_timeout = '50ms'";
constexpr RetryPolicy after_giving_way{.budget = std::chrono::seconds(5),
                                       .first_pause = std::chrono::milliseconds(50),
                                       .longest_pause = std::chrono::milliseconds(50),
                                       .jitter = 0.0};

Session open_captured(const Database& database, Direction direction) {
  Session session = database.open("drain");
  require_capture(session, direction);
  return session;
}

}  // namespace

class Drain::Impl {
 public:
  Impl(const Databases& databases, Direction direction, std::vector<SyncedTable> tables,
       const Secret& apply_token, std::string drainer, Log& log)
      : databases_(databases),
        direction_(direction),
        tables_(std::move(tables)),
        drainer_(std::move(drainer)),
        log_(log),
        flusher_(databases.at(sync::source(direction)).open("drain")),
        reader_(open_captured(databases.at(sync::source(direction)), direction), flusher_, tables_),
        writer_(open_apply_session(databases.at(sync::target(direction)), "drain", apply_token),
                direction),
        sequences_(reader_.session(), writer_.session()) {
    // A drainer that was stopped must not hold up whoever takes over from it for ever.
    writer_.session().batch("SET idle_in_transaction_session_timeout = '60s'");
  }

  /// A drain, committed; the source's snapshot stays open.
  DrainReport drain() {
    const StopRequest never;
    DrainReport report;
    retry(clock_, never, after_giving_way, postgres::is_lock_conflict, [&] {
      try {
        report = apply();
        commit(report);
      } catch (...) {
        rollback();
        throw;
      }
    });
    return report;
  }

  /// Applies what has changed in an open transaction on the target.
  DrainReport apply() {
    begin(yield_to_locks);
    const SourceState now = reader_.look(since_, true);
    require_same(now);
    return bring(now, false);
  }

  /// Commits what `apply` did, if it may still be done: that is asked last, when the rows that
  /// were written hold off whoever wants to open the target (open_gate locks the tables first).
  void commit(const DrainReport& report) {
    const bool advances = ahead_by_ && (report.tables > 0 || first_behind_gate());
    // The source may be dying, so it is asked before anything is held that a takeover waits for;
    // and after the snapshot that shows the rows, for which it has handed out their values by then.
    const SequencePairs::Values from =
        advances ? sequences_.source_values(flusher_) : SequencePairs::Values();
    if (report.tables > 0 || advances) {
      writer_.require_drainer(drainer_, DrainerLock::until_end);
      require_not_live(writer_.session(), sync::target(direction_));
    }
    if (advances) {
      advance_sequences(from);
    }
    flush_wal(flusher_);
    writer_.commit();
    carried_ = before_.snapshot;
    stop_point("drain-committed");
  }

  void keep_sequences_ahead(std::int64_t margin) { ahead_by_ = margin; }

  void end_source() { reader_.end(); }

  void prepare_finish(std::string_view owner, std::int64_t margin, Duration patience) {
    rollback();
    margin_ = margin;
    source_witness_.emplace(databases_.at(sync::source(direction_)).open("drain"));
    target_witness_.emplace(databases_.at(sync::target(direction_)).open("drain"));
    sequences_.advance(writer_.session(), sequences_.source_values(*source_witness_),
                       sequences_.target_values(*target_witness_), margin_);
    begin(fmt::format("SET lock_timeout = {}", milliseconds(patience)));
    writer_.session().batch(
        fmt::format("SET LOCAL idle_in_transaction_session_timeout = {}", milliseconds(patience)));
    open_gate_in_transaction(writer_.session(), tables_, owner, patience);
    // Not before: a table's plans go when its triggers change.
    writer_.plan_ahead(reader_.plan_ahead());
    const SourceState now = reader_.look(since_, true);
    require_same(now);
    reader_.read_catalogue([&](Session& session) { proof_.emplace(session, tables_); });
    proof_->prepare(*source_witness_);
    bring(now, true);
    reader_.end();
    reader_.begin();
  }

  DrainReport finish(const std::function<void(std::string_view)>& phase,
                     const std::function<void()>& before_commit) {
    std::future<Witnessed> reading;
    DrainReport report;
    try {
      const SourceState now = reader_.look_and_read(since_);
      require_same_server(now);
      // What need not be read in that snapshot, but after it, other sessions read beside it.
      reading = std::async(std::launch::async, [this] { return witness(); });
      report = bring(now, true);
    } catch (const Error&) {
      if (reading.valid()) {
        reading.wait();
      }
      require_same_schema();  // which may be the cause
      throw;
    }
    phase("drain");
    const Witnessed witnessed = reading.get();
    if (!witnessed.same_schema) {
      log_.debug("the catalogue has changed since the last look: comparing the schema in full");
      require_same_schema();
    }
    reader_.end();
    phase("verify");
    sequences_.advance(writer_.session(), witnessed.from, witnessed.to, margin_);
    phase("sequences");
    hand_over_kept_rows(writer_.session(), tables_);
    before_commit();
    stop_point("switch-before-commit");
    writer_.commit();
    stop_point("switch-committed");
    phase("open");
    return report;
  }

  std::uint64_t lag() {
    const Rows position =
        writer_.session().query("SELECT snapshot FROM crossover.position WHERE direction = $1",
                                {std::string(name(direction_))});
    if (position.empty()) {
      return 0;
    }
    return reader_.lag({std::string(position.text(0, 0)), copy_snapshots(writer_.session())});
  }

  std::uint64_t purge(Duration retention, const Clock& clock) {
    if (!carried_.empty() && (history_.empty() || history_.back().second != carried_)) {
      history_.emplace_back(clock.now(), carried_);
    }
    std::string covered;
    while (!history_.empty() && clock.now() - history_.front().first >= retention) {
      covered = history_.front().second;
      history_.pop_front();
    }
    return covered.empty() ? 0 : reader_.purge(covered, {{}, copy_snapshots(writer_.session())});
  }

  bool mark_carried() {
    rollback();
    try {
      return write_carried_mark(flusher_, writer_.session(), direction_);
    } catch (const Error& error) {
      if (error.sqlstate() != postgres::sqlstate::disk_full) {
        throw;
      }
      log_.debug("no room to write down how far the target has followed");
      return false;
    }
  }

  void rollback() noexcept {
    reader_.abandon();
    writer_.rollback();
  }

  Session& source_session() { return reader_.session(); }

 private:
  struct Witnessed {
    bool same_schema = false;
    SequencePairs::Values from;  ///< where the sequences stand
    SequencePairs::Values to;
  };

  static std::int64_t milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  }

  // What others have brought may be ahead of the sequences. Those of a database that the service
  // lives on are its own.
  bool first_behind_gate() { return !ahead_ && gate_state(writer_.session()) == GateState::closed; }

  // Before the rows are committed. No transaction holds what a sequence hands out, so the service
  // must not come back in between: whoever brings it waits for our lock as drainer.
  void advance_sequences(const SequencePairs::Values& from) {
    const SequencePairs::Values to = sequences_.target_values(writer_.session());
    stop_point("drain-sequences");
    sequences_.advance(writer_.session(), from, to, *ahead_by_);
    ahead_ = true;
  }

  void begin(std::string_view lock_timeout) {
    rollback();
    reader_.limit_waits(lock_timeout);
    writer_.begin();
    writer_.require_drainer(drainer_);
    before_ = lock_position(writer_.session(), direction_);
    since_ = {before_.snapshot, copy_snapshots(writer_.session())};
    if (!since_.copy.empty()) {
      writer_.session().batch(
          "UPDATE crossover.synced_table SET start_snapshot = NULL WHERE start_snapshot IS NOT "
          "NULL");
    }
    reader_.begin();
  }

  void require_same(const SourceState& now) {
    require_same_source(reader_.session(), writer_.session(), direction_, tables_, before_, now);
  }

  void require_same_server(SourceState now) {
    now.fingerprint = before_.fingerprint;
    require_same(now);
  }

  // By sessions that are in no transaction: one that has failed can't be asked.
  void require_same_schema() {
    SourceState now = before_;
    now.fingerprint = source_witness_->query(fingerprint_sql(tables_)).text(0, 0);
    require_same_source(*source_witness_, *target_witness_, direction_, tables_, before_, now);
  }

  // Carries what stands in the logs at `now` and not yet on the target, inside its transaction.
  DrainReport bring(const SourceState& now, bool verify) {
    const auto start = clock_.now();
    const std::vector<TableBatch> batches = reader_.read(since_);
    stop_point("drain-read");
    const Written written = writer_.write(batches, now.snapshot, reader_.session(), verify);
    before_.snapshot = now.snapshot;
    since_ = {now.snapshot, {}};
    stop_point("drain-applied");
    return {written.keys, written.rows, written.tables, now.snapshot, clock_.now() - start};
  }

  Witnessed witness() {
    flush_wal(*source_witness_);
    return {proof_->holds(*source_witness_), sequences_.source_values(*source_witness_),
            sequences_.target_values(*target_witness_)};
  }

  Databases databases_;
  Direction direction_;
  std::vector<SyncedTable> tables_;
  std::string drainer_;
  Log& log_;
  SystemClock clock_;
  Session flusher_;  // in no transaction; the reader looks at logs with it
  ChangeReader reader_;
  ChangeWriter writer_;
  SequencePairs sequences_;
  SourceState before_;
  Since since_;
  std::optional<Session> source_witness_;
  std::optional<Session> target_witness_;
  std::optional<SchemaProof> proof_;
  std::int64_t margin_ = 0;
  std::optional<std::int64_t> ahead_by_;
  bool ahead_ = false;
  std::string carried_;  // S0 of the last drain that was committed
  std::deque<std::pair<Clock::Monotonic, std::string>> history_;
};

Drain::Drain(const Databases& databases, Direction direction, std::vector<SyncedTable> tables,
             const Secret& apply_token, std::string drainer, Log& log)
    : impl_(std::make_unique<Impl>(databases, direction, std::move(tables), apply_token,
                                   std::move(drainer), log)) {}
Drain::~Drain() = default;
Drain::Drain(Drain&&) noexcept = default;
Drain& Drain::operator=(Drain&&) noexcept = default;

void Drain::keep_sequences_ahead(std::int64_t margin) { impl_->keep_sequences_ahead(margin); }

DrainReport Drain::run() {
  DrainReport report = impl_->drain();
  impl_->end_source();
  return report;
}

DrainReport Drain::run_keeping_snapshot() {
  DrainReport report = impl_->drain();
  impl_->source_session().batch("SET lock_timeout = 0");
  return report;
}

void Drain::prepare_finish(std::string_view owner, std::int64_t sequence_margin,
                           Duration patience) {
  try {
    impl_->prepare_finish(owner, sequence_margin, patience);
  } catch (...) {
    impl_->rollback();
    throw;
  }
}

DrainReport Drain::finish(const std::function<void(std::string_view)>& phase,
                          const std::function<void()>& before_commit) {
  try {
    return impl_->finish(phase, before_commit);
  } catch (...) {
    impl_->rollback();
    throw;
  }
}

std::uint64_t Drain::lag() { return impl_->lag(); }

bool Drain::mark_carried() { return impl_->mark_carried(); }

std::uint64_t Drain::purge(Duration retention, const Clock& clock) {
  return impl_->purge(retention, clock);
}

postgres::Session& Drain::source_session() { return impl_->source_session(); }

void Drain::rollback() noexcept { impl_->rollback(); }

void start_position(Session& source, Session& target, Direction direction,
                    const std::vector<SyncedTable>& tables) {
  const SourceState state = read_source_state(source, tables);
  flush_wal(source);
  write_position(target, direction, state, schema_lines(source, tables));
}

}  // namespace crossover::sync
