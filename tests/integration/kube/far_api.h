#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "files/files.h"
#include "fixtures/proxy/tcp_proxy.h"
#include "fixtures/proxy/tls_tunnel.h"
#include "kube/connect.h"
#include "kube/kubeconfig.h"

namespace crossover::kube::testing {

/// The API server of CROSSOVER_TEST_KUBECONFIG over networks that may fail. `secure` carries TLS as
/// in real life; `plain` carries what is said in plain text, so that a request can be picked out.
class FarApi {
 public:
  FarApi() {
    std::string text = files::read(file_of_environment());
    text.replace(text.find(access_.server), access_.server.size(),
                 fmt::format("https://127.0.0.1:{}", secure.port()));
    std::ofstream(secure_kubeconfig()) << text;
    std::ofstream(plain_kubeconfig()) << fmt::format(
        "{{apiVersion: v1, kind: Config, current-context: plain, clusters: [{{name: plain, "
        "cluster: {{server: 'http://127.0.0.1:{}'}}}}], users: [], contexts: [{{name: plain, "
        "context: {{cluster: plain}}}}]}}\n",
        plain.port());
  }

  std::string secure_kubeconfig() const { return (folder_.path() / "secure").string(); }
  std::string plain_kubeconfig() const { return (folder_.path() / "plain").string(); }
  std::unique_ptr<Client> secure_client(const std::string& ns) {
    return connect(options(secure_kubeconfig(), ns), log_);
  }
  std::unique_ptr<Client> plain_client(const std::string& ns) {
    return connect(options(plain_kubeconfig(), ns), log_);
  }

 private:
  static ConnectOptions options(const std::string& kubeconfig, const std::string& ns) {
    ConnectOptions options;
    options.kubeconfig = kubeconfig;
    options.ns = ns;
    return options;
  }
  static std::string file_of_environment() {
    const char* file = std::getenv("CROSSOVER_TEST_KUBECONFIG");
    return file == nullptr ? std::string() : file;
  }
  int target_port() const {
    return std::stoi(access_.server.substr(access_.server.rfind(':') + 1));
  }

  NoLog log_;
  files::TemporaryDirectory folder_;
  const Access access_ = find_access(options(file_of_environment(), {}), real_surroundings());
  test::TlsTunnel tunnel_{
      target_port(),
      {access_.tls.ca_pem, access_.tls.certificate_pem, access_.tls.key_pem.reveal()}};

 public:
  test::TcpProxy secure{target_port()};
  test::TcpProxy plain{tunnel_.port()};
};

}  // namespace crossover::kube::testing
