#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kube/client.h"
#include "kube/transport.h"

namespace crossover::kube {

/// Every kind of a server, as one read of its discovery documents had it. Immutable.
class KindTable {
 public:
  void add(Resource resource, bool preferred);
  const Resource* find(const std::string& api_version, const std::string& kind) const;
  /// In each group's preferred version.
  const std::vector<Resource>& preferred() const { return preferred_; }
  /// The other versions ("apps/v1") under which a kind of that name is served.
  std::vector<std::string> versions_of(const std::string& kind) const;

 private:
  std::map<std::pair<std::string, std::string>, Resource> kinds_;
  std::vector<Resource> preferred_;
};

/// Adds what an APIGroupDiscoveryList (aggregated discovery, KEP-3352) tells. Pure.
void read_aggregated(KindTable& table, const nlohmann::json& document);
/// Adds what an APIResourceList of one group and version tells. Pure.
void read_resource_list(KindTable& table, const nlohmann::json& document, bool preferred);

/// Reads the documents when first asked and again after `forget`, in two requests where the server
/// knows aggregated discovery, else in one for each group and version. Thread-safe.
class Discovery {
 public:
  explicit Discovery(Transport& transport) : transport_(transport) {}

  /// Reads anew once when the kind is not in the table. Throws as Client::resource says.
  Resource resource(const std::string& api_version, const std::string& kind);
  /// The same without an error.
  std::optional<Resource> find(const std::string& api_version, const std::string& kind);
  std::vector<Resource> preferred() { return table(false)->preferred(); }
  void forget();

 private:
  std::shared_ptr<const KindTable> table(bool anew);
  std::shared_ptr<const KindTable> read();
  void read_legacy(KindTable& table, const nlohmann::json& core, const nlohmann::json& groups);

  Transport& transport_;
  std::mutex mutex_;
  std::shared_ptr<const KindTable> table_;
};

}  // namespace crossover::kube
