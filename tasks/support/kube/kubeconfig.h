#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "http/client.h"
#include "kube/connect.h"

namespace crossover::kube {

/// A program that hands out credentials (client.authentication.k8s.io, v1 or v1beta1).
struct ExecPlugin {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string api_version;
  std::string install_hint;
  nlohmann::json cluster;  ///< handed to it where provideClusterInfo asks for it, else null
};

/// How to reach an API server and as whom.
struct Access {
  std::string server;  ///< "https://host:port" with an optional path
  http::TlsOptions tls;
  std::string proxy;
  std::string ns;      ///< never empty
  std::string source;  ///< "context 'x' of FILE" or "the pod's service account", for texts
  Secret token;
  std::filesystem::path token_file;  ///< wins over `token`; read again as it changes
  std::string username;
  Secret password;
  std::optional<ExecPlugin> exec;
};

/// The parts of the world that finding an Access looks at.
struct Surroundings {
  std::function<std::string(const char* name)> environment;  ///< empty when unset
  std::filesystem::path service_account;  ///< folder with token, ca.crt and namespace
};
Surroundings real_surroundings();

/// By client-go's rules: one explicit file, else those of $KUBECONFIG (the first file that has an
/// entry of a name wins, missing files do not count), else ~/.kube/config, else the pod that we run
/// in. Relative paths in a file are relative to its folder, *-data win over files, tokenFile over
/// token. Errors as connect.h says.
Access find_access(const ConnectOptions& options, const Surroundings& surroundings);

/// A file as nested maps of strings (yaml_kubeconfig.cpp). Throws Error{precondition}
/// `unable to read kubeconfig 'FILE': ...`.
nlohmann::json load_kubeconfig(const std::filesystem::path& file);

}  // namespace crossover::kube
