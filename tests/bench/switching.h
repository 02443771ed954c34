#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "cutover/switch.h"
#include "sync/synced_table.h"

namespace crossover::bench {

/// Puts capture and gates on both databases, with the gate of the new one closed, and copies all
/// rows from the old one; the service may be writing meanwhile. Without `old_gate` nothing but
/// capture is put on the old one.
void install_sync(const sync::Databases& databases, const std::vector<sync::SyncedTable>& tables,
                  bool old_gate = true);

/// Switches the service to `side`; where a guard speaks against it (an autovacuum at work), again
/// a second later and up to 30 times, as a person at a shell would.
cutover::SwitchReport switch_when_quiet(const sync::Databases& databases,
                                        const std::function<cutover::Fleet()>& fleet,
                                        sync::Side side);

/// How long it was paused and what in that time went on.
nlohmann::json described(const cutover::SwitchReport& report, sync::Side side);

}  // namespace crossover::bench
