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
  KindTable() = default;
  KindTable(const KindTable&) = delete;
  KindTable& operator=(const KindTable&) = delete;

  void add(Resource&& resource, bool preferred);
  const Resource* find(const std::string& api_version, const std::string& kind) const;
  /// In each group's preferred version.
  std::vector<Resource> preferred() const;
  /// The other versions ("apps/v1") under which a kind of that name is served.
  std::vector<std::string> versions_of(const std::string& kind) const;

 private:
  std::map<std::pair<std::string, std::string>, Resource> kinds_;
  std::vector<const Resource*> preferred_;  // in kinds_
};

/// Adds what the text of an APIGroupDiscoveryList (aggregated discovery, KEP-3352) tells, and
/// returns the rest of the document: a cluster's list may have megabytes, so no more than one group
/// of it is in memory as a tree. Of any other document all keys that discovery reads are returned;
/// null when it is not JSON. Pure.
nlohmann::json read_aggregated(KindTable& table, const std::string& text);
/// Adds what an APIResourceList of one group and version tells. Pure.
void read_resource_list(KindTable& table, const nlohmann::json& document, bool preferred);

/// Reads the documents when first asked and again after `forget`, in two requests where the server
/// knows aggregated discovery, else in one for each group and version. Thread-safe.
class Discovery {
 public:
  Discovery(Transport& transport, const Clock& clock) : transport_(transport), clock_(clock) {}

  /// Reads anew when the kind is not in the table, unless that has just been read: hundreds of
  /// objects of one missing kind cost one read. Throws as Client::resource says.
  Resource resource(const std::string& api_version, const std::string& kind);
  /// The same without an error.
  std::optional<Resource> find(const std::string& api_version, const std::string& kind);
  std::vector<Resource> preferred() { return table()->preferred(); }
  void forget();
  /// What has just been read stays.
  void forget_old();

 private:
  std::shared_ptr<const KindTable> table();
  std::shared_ptr<const KindTable> table_anew();
  bool is_old();
  std::shared_ptr<const KindTable> read();
  void read_legacy(KindTable& table, const nlohmann::json& core, const nlohmann::json& groups);

  Transport& transport_;
  const Clock& clock_;
  std::mutex mutex_;
  std::shared_ptr<const KindTable> table_;
  Clock::Monotonic read_at_;
};

}  // namespace crossover::kube
