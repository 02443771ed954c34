#include "cutover/fleet.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"

namespace crossover::cutover {
namespace {

// Runs `body` for each pooler even after one has failed: the others must not be left behind.
template <typename Body>
void for_all(const std::vector<std::unique_ptr<Pooler>>& poolers, Body&& body) {
  std::optional<Error> first;
  for (std::size_t i = 0; i < poolers.size(); ++i) {
    try {
      body(*poolers[i], i);
    } catch (const Error& error) {
      if (!first) {
        first = error;
      }
    }
  }
  if (first) {
    throw Error(*first);
  }
}

}  // namespace

std::vector<PoolerState> Fleet::states(const Deadline& deadline) {
  std::vector<PoolerState> states;
  for (const auto& pooler : poolers_) {
    states.push_back(pooler->state(deadline));
  }
  return states;
}

bool Fleet::connecting(const Deadline& deadline) {
  bool any = false;
  for (const auto& pooler : poolers_) {
    any = pooler->connecting(deadline) || any;
  }
  return any;
}

std::vector<std::string> Fleet::names() const {
  std::vector<std::string> names;
  for (const auto& pooler : poolers_) {
    names.push_back(pooler->name());
  }
  return names;
}

void Fleet::command(PoolerCommand command, const Deadline& deadline) {
  std::vector<bool> begun(poolers_.size(), false);
  std::optional<Error> first;
  const auto keep = [&first](const Error& error) {
    if (!first) {
      first = error;
    }
  };
  try {
    for_all(poolers_, [&](Pooler& pooler, std::size_t i) {
      fence_();
      pooler.begin(command, deadline);
      begun[i] = true;
    });
  } catch (const Error& error) {
    keep(error);
  }
  try {
    for_all(poolers_, [&](Pooler& pooler, std::size_t i) {
      if (begun[i]) {
        pooler.end(deadline);
      }
    });
  } catch (const Error& error) {
    keep(error);
  }
  if (first) {
    throw Error(*first);
  }
}

void Fleet::pause(const Deadline& deadline) { command(PoolerCommand::pause, deadline); }

void Fleet::cut_off(const Deadline& deadline) { command(PoolerCommand::cut_off, deadline); }

void Fleet::resume(const Deadline& deadline) { command(PoolerCommand::resume, deadline); }

void Fleet::retarget(Side side, const Deadline& deadline) {
  command(use(side), deadline);
  command(PoolerCommand::reload, deadline);
  require_target(side, deadline);
}

void Fleet::retarget(Side side, const Clock& clock, Duration each) {
  command(use(side), Deadline(clock, each));
  command(PoolerCommand::reload, Deadline(clock, each));
  require_target(side, Deadline(clock, each));
}

void Fleet::require_target(Side side, const Deadline& deadline) {
  for_all(poolers_, [&](Pooler& pooler, std::size_t) {
    const PoolerState state = pooler.state(deadline);
    if (state.target != side) {
      throw Error(
          ErrorKind::failure,
          fmt::format("unable to retarget pooler '{}' to the {} database: it leads to '{}'",
                      pooler.name(), sync::name(side), state.serving ? state.leads_to : "nothing"),
          "look at the pooler's log and its files old.ini and new.ini");
    }
  });
}

void Fleet::expel_others(const Deadline& deadline) {
  for_all(poolers_, [&](Pooler& pooler, std::size_t) { pooler.expel_others(deadline); });
}

void Fleet::ping_check_entries() {
  for_all(poolers_, [](Pooler& pooler, std::size_t) { pooler.ping_check_entry(); });
}

}  // namespace crossover::cutover
