#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "kube/object.h"

namespace crossover::http {
class WebSocket;
}

namespace crossover::kube {

/// The manager under which our fields stand in metadata.managedFields.
inline constexpr std::string_view field_manager = "crossover";

/// A kind that the server serves, from its discovery documents.
struct Resource {
  std::string api_version;
  std::string kind;
  std::string plural;
  bool namespaced = true;
  std::vector<std::string> verbs;  ///< "get", "list", "delete", ...
  std::vector<std::string> short_names;
  std::vector<std::string> categories;  ///< "all"
  bool can(std::string_view verb) const;
};

struct ListOptions {
  std::string ns;  ///< empty: the client's own namespace
  bool all_namespaces = false;
  std::string label_selector;
  std::string field_selector;
  std::size_t page = 500;  ///< objects per request
};

struct List {
  std::vector<nlohmann::json> items;  ///< with apiVersion and kind filled in
  std::string resource_version;       ///< where a watch goes on
};

struct ListRequest {
  std::string api_version;
  std::string kind;
  ListOptions options;
};

struct ListOutcome {
  List list;
  std::optional<Error> error;
};

struct WriteOptions {
  bool dry_run = false;
  std::string subresource;  ///< "status", "scale"
  Duration timeout{};       ///< for each try, and no other begins after it; 0: the client's own
};

enum class PatchType { merge, json, strategic };

struct ApplyOptions {
  bool force = false;  ///< takes fields that others own; only where a person has decided so
  bool dry_run = false;
  std::string manager = std::string(field_manager);
  /// Takes over what `oc apply`/`kubectl apply` own, so that fields that left the manifest go away
  /// (the rules of client-go's csaupgrade, KEP-555 and KEP-2155).
  bool adopt = true;
};

/// What an apply did.
struct Applied {
  nlohmann::json object;  ///< as the server has it now (in a dry run: would have it)
  bool created = false;
  bool changed = false;  ///< created, or its resourceVersion moved (in a dry run: would move)
};

enum class Propagation { background, foreground, orphan };

struct DeleteOptions {
  Propagation propagation = Propagation::background;
  std::string uid;               ///< only if it is still this one
  std::string resource_version;  ///< only if it has not changed
  bool dry_run = false;
};

struct LogOptions {
  std::string container;
  bool previous = false;  ///< of the container's last run
  int tail_lines = 0;     ///< 0: all
  std::size_t limit_bytes = 65536;
};

enum class WatchType { added, modified, deleted, relisted };
struct WatchEvent {
  WatchType type = WatchType::added;
  nlohmann::json object;  ///< null for `relisted`
};

/// What the tasks need of an API server. Objects are JSON as the server speaks it, and custom kinds
/// need nothing compiled in: apiVersion + kind are looked up by discovery. An object without a
/// namespace goes to the client's own.
///
/// Connections that break or go dead are made anew, and what is safe to send twice is sent again.
/// A create, or a change that is conditional on a resourceVersion, is not when its answer is lost:
/// its error is one for which `in_doubt` holds.
///
/// Errors, each with http_status: Error{precondition} for 401, 403, 409, 422 and a kind that the
/// server lacks; Error{failure} for the rest; Error{timeout}. 429 and 5xx are tried again for about
/// 30 s, honouring Retry-After.
/// Implementations are safe to use from several threads.
class Client {
 public:
  virtual ~Client() = default;

  /// The namespace that stands in for an empty one.
  virtual const std::string& own_namespace() const = 0;
  /// "https://host:port", for texts.
  virtual const std::string& server() const = 0;

  // Discovery, cached until a kind is missing or `forget_discovery`; what has been read within the
  // last second is believed all the same.

  /// Throws Error{precondition} `unable to find kind 'Route' of 'route.openshift.io/v1': the server
  /// does not serve it` with a hint when it is missing.
  virtual Resource resource(const std::string& api_version, const std::string& kind) = 0;
  /// Whether the server has it.
  virtual bool serves(const std::string& api_version, const std::string& kind) = 0;
  /// Every kind, each in its group's preferred version, without subresources.
  virtual std::vector<Resource> resources() = 0;
  virtual void forget_discovery() = 0;

  // Objects.

  /// nullopt when the object is not there (a missing kind is still an error).
  virtual std::optional<nlohmann::json> find(const Ref& ref) = 0;
  /// The same for several at once, in order; they share a connection. Many of one kind and
  /// namespace are read by one list where that is allowed.
  virtual std::vector<std::optional<nlohmann::json>> find_all(std::span<const Ref> refs) = 0;
  virtual List list(const std::string& api_version, const std::string& kind,
                    const ListOptions& options) = 0;
  /// Several lists at once, in order; they share a connection. What cannot be listed has its error
  /// and does not hide the others.
  virtual std::vector<ListOutcome> list_all(std::span<const ListRequest> requests) = 0;
  virtual nlohmann::json create(const nlohmann::json& object, const WriteOptions& options) = 0;
  /// PUT: the object's resourceVersion, where it has one, must be the live one (else 409).
  virtual nlohmann::json replace(const nlohmann::json& object, const WriteOptions& options) = 0;
  virtual nlohmann::json patch(const Ref& ref, PatchType type, const nlohmann::json& patch,
                               const WriteOptions& options) = 0;
  /// False when it was not there. Does not wait for finalizers.
  virtual bool remove(const Ref& ref, const DeleteOptions& options) = 0;

  /// Server-side apply, strict about unknown fields. A field that somebody else owns with another
  /// value: Error{precondition} `unable to apply 'deployment/web': field '.spec.replicas' is owned
  /// by 'hpa-controller'`; an immutable one: `unable to apply 'statefulset/db': field
  /// 'spec.volumeClaimTemplates' is immutable`.
  virtual Applied apply(const nlohmann::json& object, const ApplyOptions& options) = 0;
  /// Applies all: namespaces, then kinds, accounts, rights, configuration, ... and within each such
  /// phase many at once over one connection. Returns the outcomes in the order of `objects`. Stops
  /// after the phase that had an error and throws its first one.
  virtual std::vector<Applied> apply_all(std::span<const nlohmann::json> objects,
                                         const ApplyOptions& options) = 0;

  /// Lists, hands on each object as `added`, and then every change until `on_event` returns false,
  /// `stop` is requested or `timeout` is over (then returns false). Goes on over a new connection
  /// when one breaks, goes dead, or brings nothing for 150 s. Re-lists by itself when the server
  /// has forgotten the version (410): `relisted` comes first, then all as `added` again.
  virtual bool watch(const std::string& api_version, const std::string& kind,
                     const ListOptions& options, Duration timeout, const StopRequest& stop,
                     const std::function<bool(const WatchEvent&)>& on_event) = 0;

  // Pods.

  virtual std::string logs(const std::string& ns, const std::string& pod,
                           const LogOptions& options) = 0;
  /// A v4.channel.k8s.io connection to a port of a pod (see port_forward.h, which uses it).
  virtual std::unique_ptr<http::WebSocket> open_port(const std::string& ns, const std::string& pod,
                                                     int port) = 0;

  /// GET of any path ("/version").
  virtual nlohmann::json raw(const std::string& path) = 0;

  // Short forms.

  /// Throws Error{precondition, http_status 404} `unable to read 'secret/x' in namespace 'n': it
  /// does not exist`.
  nlohmann::json get(const Ref& ref);
  nlohmann::json get(const std::string& api_version, const std::string& kind,
                     const std::string& name, const std::string& ns = {});
  List list(const std::string& api_version, const std::string& kind,
            const std::string& label_selector = {}, const std::string& ns = {});
  Applied apply(const nlohmann::json& object) { return apply(object, ApplyOptions{}); }
  nlohmann::json create(const nlohmann::json& object) { return create(object, WriteOptions{}); }
  nlohmann::json replace(const nlohmann::json& object) { return replace(object, WriteOptions{}); }
  nlohmann::json patch(const Ref& ref, const nlohmann::json& merge) {
    return patch(ref, PatchType::merge, merge, WriteOptions{});
  }
  bool remove(const Ref& ref) { return remove(ref, DeleteOptions{}); }
};

/// Whether a write that ended with this error may have been acted upon all the same: read again
/// before sending it again.
bool in_doubt(const Error& error);

/// Waits until `done` accepts the object (null while it is not there). Watches that one object.
/// Throws Error{timeout} `unable to wait for 'deployment/web': not <what> within 60 s`.
nlohmann::json wait_until(Client& client, const Ref& ref, std::string_view what,
                          const std::function<bool(const nlohmann::json&)>& done, Duration timeout,
                          const StopRequest& stop);

/// Waits until none of `refs` is there any more.
void wait_gone(Client& client, std::span<const Ref> refs, Duration timeout, const Clock& clock,
               const StopRequest& stop);

/// Events about an object (by uid where given, else by kind and name), oldest first.
std::vector<nlohmann::json> events_of(Client& client, const nlohmann::json& object);

}  // namespace crossover::kube
