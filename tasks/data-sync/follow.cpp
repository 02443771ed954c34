#include "data-sync/follow.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/start.h"
#include "sync/capture.h"
#include "sync/drain.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;

class Follower {
 public:
  Follower(Run& run, Direction direction) : run_(run), direction_(direction) {
    postgres::Session target = run.at(sync::target(direction)).open("follow");
    migration_ = sync::require_migration(target, run.at(sync::target(direction)).describe());
    tables_ = sync::read_tables(target);
    require_copied(target, direction);
  }

  void run() {
    const cli::TaskContext& context = run_.context();
    take_over();
    sync::Drain drain(run_.databases(), direction_, tables_, migration_.apply_token, token_,
                      context.log());
    const Duration interval = context.options().duration("interval");
    const bool until_caught_up = context.options().flag("until-caught-up");
    while (!context.stop().requested()) {
      const sync::DrainReport report = drain.run();
      stop_point("follow-drained");
      count(report);
      housekeeping(drain);
      if (until_caught_up && report.keys == 0) {
        break;
      }
      if (report.keys < 1000) {
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
  // Of both databases, so that a drainer of the other direction ends too.
  void take_over() {
    token_ = sync::new_token();
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = run_.at(side).open("follow");
      sync::take_drainer(session, token_);
    }
  }

  void count(const sync::DrainReport& report) {
    ++drains_;
    rows_ += static_cast<std::int64_t>(report.rows);
  }

  void housekeeping(sync::Drain& drain) {
    const cli::TaskContext& context = run_.context();
    const auto now = context.clock().now();
    if (now - said_ < std::chrono::seconds(5)) {
      return;
    }
    said_ = now;
    context.log().info("{}: {} drains, {} rows carried, {} entries left", sync::name(direction_),
                       drains_, rows_, drain.lag());
    drain.purge(run_.config().sync.log_retention, context.clock());
    require_log_below_limit();
  }

  // At the cap capture goes and the phase fails, never the service.
  void require_log_below_limit() {
    const Side side = sync::source(direction_);
    postgres::Session source = run_.at(side).open("follow");
    const std::int64_t bytes = sync::log_bytes(source, tables_);
    const auto limit = static_cast<std::int64_t>(run_.config().sync.log_limit);
    if (bytes <= limit) {
      return;
    }
    sync::remove_capture(source, tables_, run_.install_context());
    throw Error(ErrorKind::failure,
                fmt::format("unable to follow the {} database: its capture log has {} bytes, more "
                            "than sync.logLimit ({}); capture was taken off to spare the service",
                            sync::name(side), bytes, limit),
                "mend the target or raise sync.logLimit, then `data-sync abort` and `data-sync "
                "start` again");
  }

  Run& run_;
  Direction direction_;
  sync::Migration migration_;
  std::vector<sync::SyncedTable> tables_;
  std::string token_;
  std::int64_t drains_ = 0;
  std::int64_t rows_ = 0;
  Clock::Monotonic said_{};
};

}  // namespace

void follow(Run& run) {
  const bool reverse = run.context().options().flag("reverse");
  Follower(run, reverse ? Direction::reverse : Direction::forward).run();
}

}  // namespace crossover::data_sync
