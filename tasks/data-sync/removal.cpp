#include "data-sync/removal.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/plan.h"
#include "data-sync/rehearse.h"
#include "data-sync/salvage.h"
#include "files/files.h"
#include "sync/capture.h"

namespace crossover::data_sync {
namespace {

using sync::Side;

std::vector<std::string> names(const std::vector<Side>& sides) {
  std::vector<std::string> list;
  list.reserve(sides.size());
  for (const Side side : sides) {
    list.emplace_back(sync::name(side));
  }
  return list;
}

void changed(const Run& run, Side side, std::string_view what) {
  run.context().result().add_change(fmt::format("{} database", sync::name(side)), "removed",
                                    std::string(what));
}

bool remove_capture(const Run& run, Side side) {
  postgres::Session session = run.at(side).open(run.context().verb());
  if (!sync::read_migration(session)) {
    return false;
  }
  if (sync::remove_capture(session, sync::read_tables(session), run.install_context()) > 0) {
    changed(run, side, "capture");
  }
  return true;
}

// What an earlier run has exported: of a side that it has removed there is nothing else left.
nlohmann::json exported(const std::string& file) {
  if (!std::filesystem::exists(file)) {
    return nlohmann::json::object();
  }
  nlohmann::json document = nlohmann::json::parse(files::read(file), nullptr, false);
  return document.is_object() ? document : nlohmann::json::object();
}

// The evidence of all sides in one file, before any of it is dropped.
void export_evidence(const Run& run, const std::vector<Side>& sides) {
  std::string file = run.context().options().text("evidence-file");
  if (file.empty()) {
    file = fmt::format("crossover-{}-evidence.json", run.config().name);
  }
  nlohmann::json document = exported(file);
  std::size_t entries = 0;
  for (const Side side : sides) {
    postgres::Session session = run.at(side).open(run.context().verb());
    if (!sync::read_migration(session)) {
      continue;
    }
    auto& list = document[std::string(sync::name(side))] = nlohmann::json::array();
    for (const sync::Evidence& entry : sync::read_evidence(session)) {
      list.push_back({{"task", entry.task},
                      {"verb", entry.verb},
                      {"actor", entry.actor},
                      {"outcome", entry.outcome},
                      {"plan_sha256", entry.plan_sha256},
                      {"started_at", entry.started_at},
                      {"detail", entry.detail}});
      ++entries;
    }
    for (const sync::SavedRow& row : sync::read_saved_rows(session)) {
      document["saved_rows"][std::string(sync::name(side))].push_back(
          {{"at", row.at},
           {"table", row.table},
           {"operation", row.operation},
           {"certain", row.certain},
           {"content", nlohmann::json::parse(row.content, nullptr, false)}});
    }
  }
  if (entries == 0) {
    return;
  }
  try {
    files::write_atomically(file, document.dump(2) + "\n");
    stop_point("evidence-exported");
  } catch (Error& error) {
    error.set_hint("nothing was removed; give another place with --evidence-file");
    throw;
  }
  run.context().log().info("the evidence of {} entries is in '{}'", entries, file);
}

void remove_all(const Run& run, Side side, bool open_gate) {
  postgres::Session session = run.at(side).open(run.context().verb());
  if (!sync::read_migration(session)) {
    return;
  }
  const auto tables = sync::read_tables(session);
  const int capture = sync::remove_capture(session, tables, run.install_context());
  if (sync::gate_state(session) == sync::GateState::closed && !open_gate) {
    if (capture > 0) {
      changed(run, side, "capture; the gate stays closed");
    }
    return;
  }
  sync::remove_gate(session, tables, run.install_context());
  sync::drop_state(session, run.config().sync.lock_budget);
  changed(run, side, "everything");
}

// A rehearsal that was killed and never run again.
void remove_rehearsal(const Run& run) {
  if (drop_rehearsal_database(run)) {
    changed(run, Side::new_side, "a rehearsal that was left over");
  }
}

std::vector<Side> chosen_sides(const Run& run) {
  const std::string& side = run.context().options().text("side");
  if (side == "old") {
    return {Side::old_side};
  }
  if (side == "new") {
    return {Side::new_side};
  }
  return {Side::old_side, Side::new_side};
}

const std::vector<Side> both = {Side::old_side, Side::new_side};

// What a removal takes off is all that knows of writes that were not carried. Under the locks
// again, so that it stays so: the new database may be given up while this waits for its approval.
void removing(Run& run, const std::vector<Side>& sides, const std::function<void()>& body) {
  run.changing(
      sides,
      [&] {
        run.require_own(sides);
        require_salvaged(run, sides);
        return plan_removal(run.context().verb(), run.config().name, names(sides));
      },
      [&](const cli::Plan&) {
        require_salvaged(run, sides);
        body();
      });
}

}  // namespace

void finish(Run& run) {
  removing(run, both, [&] {
    for (const Side side : both) {
      if (!remove_capture(run, side)) {
        continue;
      }
      postgres::Session session = run.at(side).open("finish");
      if (sync::read_migration(session)->phase == sync::finished_phase) {
        continue;
      }
      postgres::Transaction transaction(session);
      const std::string token = sync::new_token();
      sync::take_owner(session, token);
      sync::take_drainer(session, token);
      sync::set_phase(session, token, sync::finished_phase);
      // Without capture no position is worth anything: going on in either direction takes a full
      // copy.
      session.batch(
          "DELETE FROM crossover.position; UPDATE crossover.synced_table SET copied = false");
      transaction.commit();
      stop_point("finish-committed");
      changed(run, side, "positions");
    }
  });
}

void abort(Run& run) {
  removing(run, both, [&] {
    if (run.live_side() == Side::new_side) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to abort '{}': the service lives on the new database",
                              run.config().name),
                  "go back with `route-switch rollback`, or keep it with `data-sync finish`");
    }
    export_evidence(run, both);
    for (const Side side : both) {
      remove_all(run, side, true);
    }
    remove_rehearsal(run);
  });
}

void remove(Run& run) {
  const std::vector<Side> sides = chosen_sides(run);
  removing(run, sides, [&] {
    export_evidence(run, sides);
    for (const Side side : sides) {
      remove_all(run, side, run.context().options().flag("open-closed-side"));
    }
    if (std::ranges::find(sides, Side::new_side) != sides.end()) {
      remove_rehearsal(run);
    }
  });
}

}  // namespace crossover::data_sync
