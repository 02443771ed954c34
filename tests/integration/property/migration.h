#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "integration/property/journey.h"
#include "integration/property/site.h"
#include "sync/capture.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/synced_table.h"

namespace crossover::test::property {

/// The migration of one case: what the tasks do with the engine, step by step. A step that throws
/// may be done again, as whoever ran the task would.
class Migration {
 public:
  Migration(const Case& what, Site& site);

  /// The side that the service lives on.
  sync::Side live() const { return live_; }
  /// The way that changes take: from `live` to the other side.
  sync::Direction direction() const { return sync::direction_to(sync::other(live_)); }
  /// Those that are carried; known after the preflight.
  const std::vector<sync::SyncedTable>& tables() const { return tables_; }

  /// Throws Failure with what the preflight objects to.
  void preflight(const std::vector<std::string>& skipped);
  void install(sync::Direction direction);
  void copy();
  /// Capture on the new side, once.
  void prepare_reverse();
  bool reversible() const { return reversible_; }

  /// In the present direction; its sessions stay open until `forget_drain`.
  sync::Drain& drain();
  void forget_drain() { drain_.reset(); }
  /// As a follower does now and then, in cases with marks.
  void mark();
  void purge();
  /// Throws Failure with what our own comparison finds. Nobody may TRUNCATE meanwhile.
  void verify();
  /// The service goes to `to`, where it may be already: the commit that was in doubt. With
  /// `gives_back`, which it resets, a gate that a broken move has closed is opened first, and
  /// `given_back` is called.
  void move(sync::Side to, bool& gives_back, const std::function<void()>& given_back);
  /// Whatever has failed over, draining goes on: what `data-sync start` does then.
  void follow_failover();

 private:
  postgres::Session open(sync::Side side) const { return databases_.at(side).open("step"); }
  void take_over();
  void follow_failover(sync::Direction direction);
  sync::InstallContext install_context();
  sync::CopyContext copy_context();

  const Case& case_;
  Site& site_;
  const sync::Databases& databases_;
  SystemClock clock_;
  StopRequest stop_;
  NoLog log_;
  NoProgress progress_;
  Secret token_;
  std::string owner_;
  std::vector<sync::SyncedTable> tables_;
  sync::Side live_ = sync::Side::old_side;
  bool reversible_ = false;
  std::optional<sync::Drain> drain_;
};

}  // namespace crossover::test::property
