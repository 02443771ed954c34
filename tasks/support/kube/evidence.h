#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/client.h"

namespace crossover::kube {

/// The last entries of the evidence log, in ConfigMap `crossover-<migration>`, which bears no label
/// that a clean-up selects. The full log is in the databases.
class EvidenceLog {
 public:
  static constexpr std::size_t entries_kept = 200;
  static constexpr std::size_t entry_limit = 1024;  ///< bytes; long texts in an entry are cut

  /// `client` must outlive it.
  EvidenceLog(Client& client, std::string ns, std::string migration);

  /// Adds an entry (an object: step, start, end, actor, plan_sha256, outcome, ...). Conditional on
  /// the resourceVersion, tried again for ten seconds when others write in between
  /// or an answer is lost; never written twice.
  void append(const nlohmann::json& entry);
  /// Oldest first.
  std::vector<nlohmann::json> read() const;

 private:
  void append_once(const nlohmann::json& fitted, bool& sent, std::size_t& before);

  Client& client_;
  std::string ns_;
  std::string migration_;
};

/// `entry` within `limit` bytes of JSON: its longest strings are cut first. Pure.
nlohmann::json fit_entry(nlohmann::json entry, std::size_t limit);

}  // namespace crossover::kube
