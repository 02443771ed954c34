#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "kube/client.h"

namespace crossover::cutover {

/// The annotation in which the selector of before is kept, as JSON; it stands only while the
/// Service is moved.
inline constexpr const char* previous_selector_annotation = "crossover/previous-selector";

/// The changes that give Service `from` the pods of Service `to`, so that who calls it by name
/// inside the cluster follows the route: its selector, kept in an annotation. A JSON patch (RFC
/// 6902) that fails when the object has changed since it was read; empty when it is moved already.
/// Throws Error{precondition} where the requests would not arrive: `from` or `to` has no selector,
/// or a target port of `from` is none of `to`'s; its hint calls the route's section of
/// crossover.yaml `key`. Pure.
nlohmann::json move_patch(const nlohmann::json& from, const nlohmann::json& to,
                          const std::string& key = "route");

/// The changes that put the kept selector back; empty when there is none. Pure.
nlohmann::json put_back_patch(const nlohmann::json& service);

/// The Services of the two APIs in a cluster.
class ServiceSelector {
 public:
  /// Borrows the client. `key`: as for `move_patch`.
  ServiceSelector(kube::Client& client, std::string old_service, std::string new_service,
                  std::string ns, std::string key = "route")
      : client_(client),
        old_(std::move(old_service)),
        new_(std::move(new_service)),
        ns_(std::move(ns)),
        key_(std::move(key)) {}

  /// Gives the old Service the new API's pods. Returns whether anything had to change. Throws as
  /// `move_patch`, or Error{precondition} where a GitOps controller owns the Service.
  bool move();
  /// Throws what `move` would, changing nothing.
  void require_movable();
  /// Whether `move` has been done and not put back.
  bool moved();
  /// The labels of the selector that the old Service will have when it is put back; null where it
  /// has not been moved.
  nlohmann::json previous_selector();
  /// Returns whether anything had to change.
  bool put_back();
  kube::Ref ref() const { return {"v1", "Service", ns_, old_}; }

 private:
  nlohmann::json read() const;
  bool change(bool back);
  kube::Client& client_;
  std::string old_;
  std::string new_;
  std::string ns_;
  std::string key_;
};

}  // namespace crossover::cutover
