#include "kube/kubeconfig.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/error.h"

namespace crossover::kube {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string read_file(const fs::path& file, std::string_view what) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream.is_open()) {
    throw Error(ErrorKind::precondition, fmt::format("unable to read {} '{}': {}", what,
                                                     file.string(), "no such file, or no right"));
  }
  return text.str();
}

/// Entries of several files under one roof, each with the folder of the file that it is from.
struct Merged {
  struct Entry {
    json value;
    fs::path folder;
  };
  std::map<std::string, Entry> clusters;
  std::map<std::string, Entry> users;
  std::map<std::string, Entry> contexts;
  std::string current_context;
  std::string files;  // for texts
};

void take_entries(std::map<std::string, Merged::Entry>& entries, const json& document,
                  const char* list, const char* body, const fs::path& folder) {
  for (const json& item : at(document, std::string("/") + list)) {
    const std::string name = text_at(item, "/name");
    if (!name.empty()) {
      entries.try_emplace(name, Merged::Entry{at(item, std::string("/") + body), folder});
    }
  }
}

void merge_file(Merged& merged, const fs::path& file) {
  const json document = load_kubeconfig(file);
  const fs::path folder = fs::absolute(file).parent_path();
  take_entries(merged.clusters, document, "clusters", "cluster", folder);
  take_entries(merged.users, document, "users", "user", folder);
  take_entries(merged.contexts, document, "contexts", "context", folder);
  if (merged.current_context.empty()) {
    merged.current_context = text_at(document, "/current-context");
  }
  merged.files += (merged.files.empty() ? "" : ":") + file.string();
}

std::vector<fs::path> candidate_files(const ConnectOptions& options,
                                      const Surroundings& surroundings) {
  if (!options.kubeconfig.empty()) {
    return {options.kubeconfig};
  }
  std::vector<fs::path> files;
  const std::string list = surroundings.environment("KUBECONFIG");
  if (!list.empty()) {
    std::istringstream parts(list);
    for (std::string part; std::getline(parts, part, ':');) {
      if (!part.empty()) {
        files.emplace_back(part);
      }
    }
  } else if (const std::string home = surroundings.environment("HOME"); !home.empty()) {
    files.push_back(fs::path(home) / ".kube" / "config");
  }
  std::error_code ignored;
  std::erase_if(files, [&ignored](const fs::path& file) { return !fs::exists(file, ignored); });
  return files;
}

[[noreturn]] void unusable(const Merged& merged, const std::string& cause, std::string hint = {}) {
  throw Error(ErrorKind::precondition,
              fmt::format("unable to use kubeconfig '{}': {}", merged.files, cause),
              std::move(hint));
}

std::string names(const std::map<std::string, Merged::Entry>& entries) {
  std::string text;
  for (const auto& [name, entry] : entries) {
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  return text.empty() ? "it has none" : "it has " + text;
}

const Merged::Entry& entry_of(const Merged& merged,
                              const std::map<std::string, Merged::Entry>& entries,
                              const std::string& what, const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) {
    unusable(merged, fmt::format("it has no {} '{}'", what, name), names(entries));
  }
  return found->second;
}

/// "certificate-authority-data" or the file that "certificate-authority" names.
std::string data_or_file(const Merged::Entry& entry, const std::string& key) {
  if (const std::string data = text_at(entry.value, "/" + key + "-data"); !data.empty()) {
    return with_context("kubeconfig key " + key + "-data", [&] { return base64_decode(data); });
  }
  if (const std::string file = text_at(entry.value, "/" + key); !file.empty()) {
    return read_file(entry.folder / file, key);
  }
  return {};
}

void read_cluster(Access& access, const Merged::Entry& cluster) {
  access.server = text_at(cluster.value, "/server");
  while (access.server.ends_with('/')) {
    access.server.pop_back();
  }
  access.tls.ca_pem = data_or_file(cluster, "certificate-authority");
  access.tls.server_name = text_at(cluster.value, "/tls-server-name");
  access.tls.verify = text_at(cluster.value, "/insecure-skip-tls-verify") != "true";
  access.proxy = text_at(cluster.value, "/proxy-url");
}

ExecPlugin read_exec(const json& exec, const Merged::Entry& user, const Merged::Entry& cluster) {
  ExecPlugin plugin;
  std::string command = text_at(exec, "/command");
  if (command.find('/') != std::string::npos) {
    command = (user.folder / command).string();
  }
  plugin.argv.push_back(command);
  for (const json& argument : at(exec, "/args")) {
    plugin.argv.push_back(argument.is_string() ? argument.get<std::string>() : argument.dump());
  }
  for (const json& variable : at(exec, "/env")) {
    plugin.environment.emplace_back(text_at(variable, "/name"), text_at(variable, "/value"));
  }
  plugin.api_version = text_at(exec, "/apiVersion");
  plugin.install_hint = text_at(exec, "/installHint");
  if (text_at(exec, "/provideClusterInfo") == "true") {
    plugin.cluster = json::object();
    for (const char* key : {"server", "tls-server-name", "insecure-skip-tls-verify",
                            "certificate-authority-data", "proxy-url"}) {
      if (cluster.value.contains(key)) {
        plugin.cluster[key] = cluster.value[key];
      }
    }
    if (at(plugin.cluster, "/insecure-skip-tls-verify").is_string()) {
      plugin.cluster["insecure-skip-tls-verify"] =
          plugin.cluster["insecure-skip-tls-verify"] == "true";
    }
  }
  return plugin;
}

void read_user(Access& access, const Merged::Entry& user, const Merged::Entry& cluster) {
  access.tls.certificate_pem = data_or_file(user, "client-certificate");
  access.tls.key_pem = Secret(data_or_file(user, "client-key"));
  if (const std::string file = text_at(user.value, "/tokenFile"); !file.empty()) {
    access.token_file = user.folder / file;
  } else {
    access.token = Secret(text_at(user.value, "/token"));
  }
  access.username = text_at(user.value, "/username");
  access.password = Secret(text_at(user.value, "/password"));
  if (const json& exec = at(user.value, "/exec"); exec.is_object()) {
    access.exec = read_exec(exec, user, cluster);
  }
}

Access from_files(const ConnectOptions& options, const std::vector<fs::path>& files) {
  Merged merged;
  for (const fs::path& file : files) {
    merge_file(merged, file);
  }
  const std::string name = options.context.empty() ? merged.current_context : options.context;
  if (name.empty()) {
    unusable(merged, "it has no current context",
             "name one with --context or set one with 'oc config use-context'; " +
                 names(merged.contexts));
  }
  const Merged::Entry& context = entry_of(merged, merged.contexts, "context", name);
  const Merged::Entry& cluster =
      entry_of(merged, merged.clusters, "cluster", text_at(context.value, "/cluster"));
  Access access;
  read_cluster(access, cluster);
  if (access.server.empty()) {
    unusable(merged, fmt::format("cluster '{}' has no server", text_at(context.value, "/cluster")));
  }
  if (const std::string user = text_at(context.value, "/user"); !user.empty()) {
    read_user(access, entry_of(merged, merged.users, "user", user), cluster);
  }
  access.ns = text_at(context.value, "/namespace");
  access.source = fmt::format("context '{}' of kubeconfig '{}'", name, merged.files);
  return access;
}

Access from_pod(const Surroundings& surroundings) {
  const std::string host = surroundings.environment("KUBERNETES_SERVICE_HOST");
  std::string port = surroundings.environment("KUBERNETES_SERVICE_PORT");
  port = port.empty() ? "443" : port;
  Access access;
  const bool v6 = host.find(':') != std::string::npos;
  access.server = fmt::format("https://{}:{}", v6 ? "[" + host + "]" : host, port);
  access.token_file = surroundings.service_account / "token";
  access.tls.ca_pem = read_file(surroundings.service_account / "ca.crt", "certificate authority");
  std::error_code ignored;
  if (fs::exists(surroundings.service_account / "namespace", ignored)) {
    access.ns = read_file(surroundings.service_account / "namespace", "namespace");
  }
  access.source = "the service account of this pod";
  return access;
}

}  // namespace

Surroundings real_surroundings() {
  return {[](const char* name) {
            const char* value = std::getenv(name);
            return std::string(value == nullptr ? "" : value);
          },
          "/var/run/secrets/kubernetes.io/serviceaccount"};
}

bool in_cluster() {
  const Surroundings surroundings = real_surroundings();
  std::error_code ignored;
  return !surroundings.environment("KUBERNETES_SERVICE_HOST").empty() &&
         fs::exists(surroundings.service_account / "token", ignored);
}

Access find_access(const ConnectOptions& options, const Surroundings& surroundings) {
  const std::vector<fs::path> files = candidate_files(options, surroundings);
  std::error_code ignored;
  Access access;
  if (!files.empty()) {
    access = from_files(options, files);
  } else if (!surroundings.environment("KUBERNETES_SERVICE_HOST").empty() &&
             fs::exists(surroundings.service_account / "token", ignored)) {
    access = from_pod(surroundings);
  } else {
    throw Error(ErrorKind::precondition,
                "unable to find 'kubeconfig': neither $KUBECONFIG nor ~/.kube/config nor the "
                "service account of a pod is there",
                "log in with 'oc login', or name a file with --kubeconfig");
  }
  if (!options.ns.empty()) {
    access.ns = options.ns;
  }
  if (access.ns.empty()) {
    access.ns = "default";
  }
  return access;
}

}  // namespace crossover::kube
