#include "data-sync/log_limit.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sync/capture.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;

// As a follower looks; a log grows by far less than a disk meanwhile.
constexpr std::chrono::seconds between_log_looks{2};

std::int64_t limit_of(const Run& run) {
  return static_cast<std::int64_t>(run.config().sync.log_limit);
}

}  // namespace

std::int64_t require_log_below_limit(const Run& run, Direction direction, std::string_view doing) {
  const Side side = sync::source(direction);
  postgres::Session source = run.at(side).open("limit");
  const auto migration = sync::read_migration(source);
  if (!migration || migration->name != run.config().name) {
    return 0;
  }
  const auto tables = sync::read_tables(source);
  const std::int64_t bytes = sync::log_bytes(source, tables);
  if (bytes <= limit_of(run)) {
    return bytes;
  }
  sync::remove_capture(source, tables, run.install_context());
  throw Error(ErrorKind::failure,
              fmt::format("unable to {} the {} database: its capture log has {} bytes, more "
                          "than sync.logLimit ({}); capture was taken off to spare the service",
                          doing, sync::name(side), bytes, limit_of(run)),
              direction == Direction::forward
                  ? "mend the target or raise sync.logLimit, then run `data-sync start`, which "
                    "copies everything again"
                  : "rolling back has ended with this; to be able to again, run `data-sync start "
                    "--reverse`, which copies everything back");
}

LogWatch::LogWatch(const Run& run, Direction direction)
    : source_(run.at(sync::source(direction))),
      log_(run.context().log()),
      limit_(limit_of(run)),
      stop_(&run.context().stop()),
      session_(source_.open("limit")),
      tables_(sync::read_tables(*session_)),
      thread_([this] { this->run(); }) {}

void LogWatch::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void LogWatch::run() noexcept {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, between_log_looks, [this] { return ending_; })) {
    try {
      if (look()) {
        return;
      }
    } catch (const std::exception&) {
      session_.reset();  // a source that comes back is looked at again
    }
  }
}

// Whether there is nothing left to look at.
bool LogWatch::look() {
  if (!session_) {
    session_.emplace(source_.open("limit"));
  }
  const std::int64_t bytes = sync::log_bytes(*session_, tables_);
  if (bytes <= limit_) {
    return false;
  }
  stop_.request();
  sync::disarm_capture(*session_, tables_, log_);
  log_.warning("the capture log has {} bytes, more than sync.logLimit ({}): capture is given up",
               bytes, limit_);
  return true;
}

}  // namespace crossover::data_sync
