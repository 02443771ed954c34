#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "config/database.h"
#include "kube/client.h"
#include "postgres/session.h"

namespace crossover::postgres {

/// What an Endpoint uses of the world around it.
struct EndpointContext {
  kube::Client* client =
      nullptr;              ///< may be null when the configuration names no Kubernetes object
  std::string ns;           ///< the migration's; empty: the client's own
  bool in_cluster = false;  ///< Services and pods are reached directly (kube::in_cluster())
  Log& log;
};

/// One configured database, ready to be connected to: credentials and certificate authority are
/// read once, when this is made; a Service or pod is reached by a port-forward from outside of the
/// cluster and looked up anew for each session, so that a session opened after a failover is on the
/// new primary. Thread-safe. Client and log must outlive it.
///
/// The name that TLS checks is `tls.serverName`, else the Service's name, else the host's.
class Endpoint {
 public:
  /// `key` is where it stands in crossover.yaml ("databases.old"), for messages.
  /// Throws Error{precondition} for a missing Secret, key, file or variable, Error{usage} where the
  /// configuration is not enough.
  Endpoint(const config::Database& database, const std::string& key,
           const EndpointContext& context);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// Opens a session whose application_name is "crossover PURPOSE". `settings` as in
  /// ConnectionOptions. A refused log-in says in its hint where the credentials came from.
  Session open(std::string_view purpose,
               const std::map<std::string, std::string>& settings = {}) const;
  /// The options of such a session, for programs that connect by themselves.
  ConnectionOptions connection_options() const;
  /// "registry-patroni:5432/registry": what was configured, whatever way leads there.
  const std::string& describe() const;
  /// Where user and password came from: "secret 'x' of namespace 'n' (keys 'a', 'b')".
  const std::string& credentials_origin() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// User and password of `credentials`. `origin` is set to where they came from.
struct Login {
  std::string user;
  Secret password;
  std::string origin;
};
Login read_login(const config::Credentials& credentials, const std::string& key,
                 const EndpointContext& context);

}  // namespace crossover::postgres
