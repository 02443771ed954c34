#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "kube/client.h"
#include "kube/discovery.h"
#include "kube/transport.h"

namespace crossover::kube {

/// The Client that speaks to a real API server.
class RestClient final : public Client {
 public:
  RestClient(const Access& access, const Transport::Settings& settings, const Clock& clock);

  using Client::apply;
  using Client::create;
  using Client::list;
  using Client::patch;
  using Client::remove;
  using Client::replace;

  const std::string& own_namespace() const override { return transport_.access().ns; }
  const std::string& server() const override { return transport_.access().server; }

  Resource resource(const std::string& api_version, const std::string& kind) override {
    return discovery_.resource(api_version, kind);
  }
  bool serves(const std::string& api_version, const std::string& kind) override {
    return discovery_.find(api_version, kind).has_value();
  }
  std::vector<Resource> resources() override { return discovery_.preferred(); }
  void forget_discovery() override { discovery_.forget_old(); }

  std::optional<nlohmann::json> find(const Ref& ref) override;
  std::vector<std::optional<nlohmann::json>> find_all(std::span<const Ref> refs) override;
  List list(const std::string& api_version, const std::string& kind,
            const ListOptions& options) override;
  std::vector<ListOutcome> list_all(std::span<const ListRequest> requests) override;
  nlohmann::json create(const nlohmann::json& object, const WriteOptions& options) override;
  nlohmann::json replace(const nlohmann::json& object, const WriteOptions& options) override;
  nlohmann::json patch(const Ref& ref, PatchType type, const nlohmann::json& patch,
                       const WriteOptions& options) override;
  bool remove(const Ref& ref, const DeleteOptions& options) override;

  Applied apply(const nlohmann::json& object, const ApplyOptions& options) override;
  std::vector<Applied> apply_all(std::span<const nlohmann::json> objects,
                                 const ApplyOptions& options) override;

  bool watch(const std::string& api_version, const std::string& kind, const ListOptions& options,
             Duration timeout, const StopRequest& stop,
             const std::function<bool(const WatchEvent&)>& on_event) override;

  std::string logs(const std::string& ns, const std::string& pod,
                   const LogOptions& options) override;
  std::unique_ptr<http::WebSocket> open_port(const std::string& ns, const std::string& pod,
                                             int port) override;
  nlohmann::json raw(const std::string& path) override;

 private:
  /// One object on its way through an apply.
  struct Item;
  /// Where an object is.
  struct Target {
    Ref ref;
    Resource resource;
  };
  /// What one request reads, as indices of targets: one object, or a list that has several.
  using Reading = std::vector<std::size_t>;

  std::string collection_path(const Resource& resource, const std::string& ns) const;
  std::string object_path(const Resource& resource, const Ref& ref) const;
  std::string list_path(const Resource& resource, const ListOptions& options) const;
  nlohmann::json accepted(const Answer& answer, std::string_view verb,
                          const std::string& object) const;

  // rest_read.cpp
  struct Listing;
  void continue_list(Listing& listing, ListOutcome& outcome, const Answer& answer) const;
  std::vector<std::optional<nlohmann::json>> read_all(std::span<const Target> targets);
  std::vector<Reading> readings_of(std::span<const Target> targets) const;
  /// Returns of which the list does not tell whether they are there.
  static Reading take_listed(std::span<const Target> targets, const Reading& reading,
                             const Answer& answer,
                             std::vector<std::optional<nlohmann::json>>& objects);

  // rest_apply.cpp
  void apply_phase(std::vector<Item*>& items, const ApplyOptions& options);
  Resource resource_after_crds(const Ref& ref, bool crds_were_applied);
  void read_live(std::vector<Item*>& items);
  void adopt(std::vector<Item*>& items, const ApplyOptions& options);
  void send_applies(std::vector<Item*>& items, const ApplyOptions& options);
  void take_applied(Item& item, const ApplyOptions& options) const;
  Error apply_error(const Answer& answer, const Item& item) const;

  const Clock& clock_;
  Transport transport_;
  Discovery discovery_;
};

}  // namespace crossover::kube
