#include "data-sync/follow.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/log_limit.h"
#include "data-sync/metrics.h"
#include "data-sync/recorded_schema.h"
#include "data-sync/start.h"
#include "http/page_server.h"
#include "postgres/sqlstate.h"
#include "sync/capture.h"
#include "sync/drain.h"
#include "sync/position.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;

class Follower {
 public:
  Follower(Run& run, Direction direction)
      : run_(run), direction_(direction), metrics_(run.config().name, direction) {
    serve_metrics();
    postgres::Session target = run.at(sync::target(direction)).open("follow");
    migration_ = run.require_migration(target, sync::target(direction));
    tables_ = sync::read_tables(target);
    require_copied(target, direction);
    postgres::Session source = run.at(sync::source(direction)).open("follow");
    sync::require_own(source, run.config().name, sync::source(direction));
    sync::require_capture(source, direction);
  }

  void run() {
    const cli::TaskContext& context = run_.context();
    take_over();
    sync::Drain drain(run_.databases(), direction_, tables_, migration_.apply_token, token_,
                      context.log());
    if (direction_ == Direction::reverse) {
      drain.keep_sequences_ahead(run_.config().sync.sequence_margin);
    }
    const Duration interval = context.options().duration("interval");
    const bool until_caught_up = context.options().flag("until-caught-up");
    while (!context.stop().requested()) {
      const std::optional<sync::DrainReport> report = drained(drain);
      housekeeping(drain);
      if (until_caught_up && report && report->keys == 0) {
        break;
      }
      if (report && report->keys < 1000) {
        context.clock().sleep(interval);
      }
    }
    context.result().set_metric("drains", drains_);
    context.result().set_metric("rows_carried", rows_);
    if (rows_ > 0) {
      context.result().set_changed(true);
    }
  }

 private:
  void serve_metrics() {
    const std::string address = run_.context().options().text("metrics-bind-address");
    if (address.empty()) {
      return;
    }
    server_.emplace(address, http::PageServer::Pages{
                                 {"/metrics", [this] {
                                    return http::Page{FollowMetrics::content_type, metrics_.text()};
                                  }}});
    run_.context().log().info("metrics at port {}, path /metrics", server_->port());
  }

  // Of both databases, so that a drainer of the other direction ends too.
  void take_over() {
    token_ = sync::new_token();
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = run_.at(side).open("follow");
      sync::take_drainer(session, token_);
    }
  }

  // Nothing while somebody has locked a table of the source: what they do may take its time, and
  // the log is kept.
  std::optional<sync::DrainReport> drained(sync::Drain& drain) {
    try {
      const sync::DrainReport report = drain.run();
      stop_point("follow-drained");
      ++drains_;
      rows_ += static_cast<std::int64_t>(report.rows);
      metrics_.drained(report, run_.context().clock().wall());
      return report;
    } catch (const Error& error) {
      if (!postgres::is_lock_conflict(error)) {
        throw;
      }
      metrics_.waited_for_lock();
      run_.context().log().warning("{}: waiting for a lock: {}", sync::name(direction_),
                                   error.message());
      return std::nullopt;
    }
  }

  void housekeeping(sync::Drain& drain) {
    const cli::TaskContext& context = run_.context();
    const auto now = context.clock().now();
    if (now - said_ < std::chrono::seconds(5)) {
      return;
    }
    said_ = now;
    const std::uint64_t lag = drain.lag();
    context.log().info("{}: {} drains, {} rows carried, {} entries left", sync::name(direction_),
                       drains_, rows_, lag);
    if (drain.mark_carried()) {
      drain.purge(run_.config().sync.log_retention, context.clock());
    }
    metrics_.looked(lag, require_log_below_limit(run_, direction_, "follow"));
  }

  Run& run_;
  Direction direction_;
  sync::Migration migration_;
  std::vector<sync::SyncedTable> tables_;
  std::string token_;
  std::int64_t drains_ = 0;
  std::int64_t rows_ = 0;
  Clock::Monotonic said_{};
  FollowMetrics metrics_;
  std::optional<http::PageServer> server_;
};

// A database that was given up is followed no more, but capture goes on in the one that the service
// has gone back to, and nobody else looks at its size.
void require_kept(const Run& run) {
  postgres::Session old_side = run.at(Side::old_side).open("follow");
  try {
    sync::require_kept(old_side, "follow");
  } catch (const Error&) {
    require_log_below_limit(run, Direction::forward, "follow");
    throw;
  }
}

}  // namespace

void follow(Run& run) {
  const Direction direction =
      run.context().options().flag("reverse") ? Direction::reverse : Direction::forward;
  require_kept(run);
  try {
    Follower(run, direction).run();
  } catch (const Error& error) {
    // While nothing is drained the log grows all the more.
    if (error.kind() != ErrorKind::locked) {
      require_log_below_limit(run, direction, "follow");
    }
    explain_by_schema(run, direction, error);
    throw;
  }
}

}  // namespace crossover::data_sync
