#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/task.h"
#include "kube/client.h"
#include "sync/capture.h"
#include "sync/catalogue.h"
#include "sync/configured_databases.h"
#include "sync/finding.h"
#include "sync/gate.h"
#include "sync/state.h"

namespace crossover::data_sync {

/// What one database says of the migration.
struct SideFacts {
  std::optional<sync::Migration> migration;
  sync::GateState gate = sync::GateState::absent;
};

/// The run's connections and what is common to its verbs.
class Run {
 public:
  explicit Run(cli::TaskContext& context);

  cli::TaskContext& context() const { return context_; }
  const config::Migration& config() const { return context_.config(); }
  sync::Databases databases() const { return databases_->databases(); }
  const sync::Database& at(sync::Side side) const { return databases().at(side); }

  /// The cluster's; connects when first asked for.
  kube::Client& client() const;
  /// How a further database is reached in this run.
  postgres::EndpointContext endpoint_context() const;

  SideFacts facts(sync::Side side) const;
  /// Throws Error{precondition} when one of these databases takes part in another migration.
  void require_own(const std::vector<sync::Side>& sides) const;
  /// What `session`, to the database of `side`, says of this migration. Throws Error{precondition}
  /// when that is nothing, or of another migration.
  sync::Migration require_migration(postgres::Session& session, sync::Side side) const;
  /// The side whose gate is open. Throws Error{precondition} when the gates do not say.
  sync::Side live_side() const;
  sync::InstallContext install_context() const;
  /// "public.flyway_schema_history": Flyway's table, which is never carried.
  std::string history_table() const;

  /// A changing verb: Lease, advisory locks in both databases, plan, approval, evidence in the
  /// databases and the cluster. `sides`: those whose databases must be there.
  void changing(const std::vector<sync::Side>& sides, const std::function<cli::Plan()>& make_plan,
                const std::function<void(const cli::Plan&)>& body);
  /// The same without Lease and locks: for what helps a run that holds them.
  void beside(const std::vector<sync::Side>& sides, const std::function<cli::Plan()>& make_plan,
              const std::function<void(const cli::Plan&)>& body);
  /// Something that whoever reads the evidence of this run has to know: `detail` has it as `name`.
  void note(const std::string& name, nlohmann::json value) { notes_[name] = std::move(value); }
  /// An entry of this run in the evidence of those databases that know the migration. `changing`
  /// makes it itself, but for a run that has changed nothing.
  void record(const std::vector<sync::Side>& sides, std::string_view outcome,
              const std::string& detail) const;

 private:
  void recorded(const std::vector<sync::Side>& sides, const std::function<void()>& step);

  cli::TaskContext& context_;
  mutable std::unique_ptr<kube::Client> client_;
  std::unique_ptr<sync::ConfiguredDatabases> databases_;
  std::string started_at_;
  nlohmann::json notes_ = nlohmann::json::object();
};

}  // namespace crossover::data_sync
