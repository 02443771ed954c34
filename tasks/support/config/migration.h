#pragma once

#include <array>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/backup.h"
#include "config/cutover.h"
#include "config/database.h"
#include "config/kubernetes.h"
#include "config/named.h"
#include "config/network.h"
#include "config/pooler.h"
#include "config/provision.h"
#include "config/route.h"
#include "config/side_effects.h"
#include "config/source.h"
#include "config/sync.h"
#include "config/verify.h"

namespace crossover::config {

enum class ApprovalMode { none, required };
inline constexpr std::array<Named<ApprovalMode>, 2> approval_modes{
    {{"none", ApprovalMode::none}, {"required", ApprovalMode::required}}};

/// `approval`: a word, or a mapping with `mode`, `approvers` and `count`.
struct Approval {
  ApprovalMode mode = ApprovalMode::required;
  std::vector<std::string> approvers;  ///< users, or "group:NAME", of the ApprovalTask
  int count = 1;                       ///< how many of them must agree
};

/// `cleanup`.
struct Cleanup {
  bool keep_volumes = true;  ///< until a backup of home is verified
};

/// crossover.yaml: one file for the whole migration. Immutable once loaded; holds no secret, only
/// where secrets are.
struct Migration {
  std::string file;             ///< the path that it was read from
  std::string name;             ///< of the Lease, of the ConfigMap crossover-NAME, of the state
  std::string namespace_name;   ///< `namespace`; empty: the kubeconfig's
  std::string temporary_label;  ///< `temporaryLabel`, "key=value": what clean-up deletes bears it
  Approval approval;
  std::string image;  ///< Crossover's own, for guard, follow and probes
  Kubernetes kubernetes;
  Databases databases;
  Network network;
  Provision provision;
  std::optional<Pooler> pooler;
  Sync sync;
  Verify verify;
  /// `route`, which is a list of one, or `routes`, in their order.
  std::vector<Route> routes;
  Cutover cutover;  ///< `switch`
  std::vector<SideEffect> side_effects;
  std::optional<Backup> backup;
  Cleanup cleanup;

  /// A section that the running verb cannot do without: `config.require(config.pooler, "pooler")`.
  /// Throws Error{usage} `unable to use 'crossover.yaml': 'pooler' is missing`.
  template <typename Section>
  const Section& require(const std::optional<Section>& section, std::string_view key) const {
    if (!section) {
      missing(key);
    }
    return *section;
  }
  /// The same for a list: `config.require(config.routes, "route")`.
  template <typename Section>
  const std::vector<Section>& require(const std::vector<Section>& sections,
                                      std::string_view key) const {
    if (sections.empty()) {
      missing(key);
    }
    return sections;
  }
  /// The same for a text: `config.require(config.image, "image")`.
  const std::string& require(const std::string& text, std::string_view key) const;

  /// The names of `routes`, in their order.
  std::vector<std::string> route_names() const;

 private:
  [[noreturn]] void missing(std::string_view key) const;
};

/// A value from a flag or the environment that wins over the file.
struct Override {
  std::string path;    ///< "sync.lockTimeout"
  std::string value;   ///< as text
  std::string origin;  ///< "--lock-timeout" or "CROSSOVER_LOCK_TIMEOUT", for error texts
};

/// Reads, checks and types a configuration file. Unknown and duplicate keys, wrong types, missing
/// required keys and contradictions are Error{usage}
/// `unable to read 'crossover.yaml': crossover.yaml:12: unknown key 'tabels' in 'sync'`, with the
/// nearest valid name as hint.
Migration load(const std::filesystem::path& path, const std::vector<Override>& overrides = {});

/// The effective configuration in the file's own shape and order, defaults filled in, what is empty
/// left out.
nlohmann::ordered_json to_json(const Migration& migration);

/// docs/reference: every key with its type, default and meaning, as Markdown.
std::string reference();

}  // namespace crossover::config
