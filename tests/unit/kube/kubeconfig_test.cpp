#include "kube/kubeconfig.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "base/error.h"

namespace crossover::kube {

namespace {

/// A folder with files in it, deleted at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "kubeconfig-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string cluster(const std::string& name, const std::string& more) {
  return "clusters: [{name: " + name + ", cluster: {server: 'https://" + name + ":6443/'" + more +
         "}}]\n";
}
constexpr const char* context =
    "contexts: [{name: c, context: {cluster: k, user: u, namespace: n}}]\ncurrent-context: c\n";

Surroundings surroundings(std::map<std::string, std::string> environment,
                          const std::string& account = "/nonexistent") {
  return {[environment = std::move(environment)](const char* name) {
            const auto found = environment.find(name);
            return found == environment.end() ? std::string() : found->second;
          },
          account};
}

Error error_of(const ConnectOptions& options, const Surroundings& around) {
  try {
    find_access(options, around);
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error was thrown");
  throw;
}

}  // namespace

TEST_CASE("several files are merged: the first that has a name wins", "[kube]") {
  const Folder folder;
  const std::string one = folder.write("one", cluster("k", ", tls-server-name: t"));
  const std::string two = folder.write(
      "two", cluster("k", "") + context + "users: [{name: u, user: {token: secret}}]\n");
  const Access access =
      find_access({}, surroundings({{"KUBECONFIG", one + ":" + folder.path() + "/none:" + two}}));
  CHECK(access.server == "https://k:6443");
  CHECK(access.tls.server_name == "t");
  CHECK(access.token == Secret("secret"));
  CHECK(access.ns == "n");
  CHECK(access.tls.verify);
}

TEST_CASE("data win over files, token files over tokens, paths are the file's", "[kube]") {
  const Folder folder;
  folder.write("ca.crt", "CA");
  folder.write("key", "KEY");
  const std::string file = folder.write(
      "config", cluster("k",
                        ", certificate-authority: ca.crt, proxy-url: 'http://p:1', "
                        "insecure-skip-tls-verify: true") +
                    context +
                    "users: [{name: u, user: {client-certificate-data: Q0VSVA==, "
                    "client-certificate: none, client-key: key, token: x, tokenFile: t}}]\n");
  ConnectOptions options;
  options.kubeconfig = file;
  options.ns = "mine";
  const Access access = find_access(options, surroundings({}));
  CHECK(access.tls.ca_pem == "CA");
  CHECK(access.tls.certificate_pem == "CERT");
  CHECK(access.tls.key_pem == Secret("KEY"));
  CHECK(access.token.empty());
  CHECK(access.token_file == std::filesystem::path(folder.path()) / "t");
  CHECK_FALSE(access.tls.verify);
  CHECK(access.proxy == "http://p:1");
  CHECK(access.ns == "mine");
}

TEST_CASE("an exec plugin is read with its arguments and environment", "[kube]") {
  const Folder folder;
  ConnectOptions options;
  options.kubeconfig = folder.write(
      "config",
      cluster("k", "") + context +
          "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: "
          "./get, args: [a, b], env: [{name: N, value: v}], provideClusterInfo: true}}}]\n");
  const Access access = find_access(options, surroundings({}));
  REQUIRE(access.exec);
  CHECK(access.exec->argv == std::vector<std::string>{folder.path() + "/./get", "a", "b"});
  CHECK(access.exec->environment.front().second == "v");
  CHECK(access.exec->cluster["server"] == "https://k:6443/");
}

TEST_CASE("what is missing in a kubeconfig is named", "[kube]") {
  const Folder folder;
  ConnectOptions options;
  SECTION("no current context") {
    options.kubeconfig = folder.write("config", "contexts: [{name: dev, context: {cluster: k}}]\n");
    const Error error = error_of(options, surroundings({}));
    CHECK(error.message() ==
          "unable to use kubeconfig '" + options.kubeconfig + "': it has no current context");
    CHECK(error.hint() ==
          "name one with --context or set one with 'oc config use-context'; it has 'dev'");
    CHECK(error.kind() == ErrorKind::precondition);
  }
  SECTION("a context that is not there") {
    options.kubeconfig = folder.write("config", cluster("k", "") + context);
    options.context = "prod";
    CHECK(error_of(options, surroundings({})).message() ==
          "unable to use kubeconfig '" + options.kubeconfig + "': it has no context 'prod'");
  }
  SECTION("broken YAML") {
    options.kubeconfig = folder.write("config", "a: [");
    CHECK(error_of(options, surroundings({}))
              .message()
              .starts_with("unable to read kubeconfig '" + options.kubeconfig + "': line 1"));
  }
  SECTION("a file that is not there") {
    options.kubeconfig = folder.path() + "/none";
    CHECK(error_of(options, surroundings({})).message() ==
          "unable to read kubeconfig '" + options.kubeconfig + "': No such file or directory");
  }
  SECTION("nothing at all") {
    CHECK(error_of(options, surroundings({})).message() ==
          "unable to find 'kubeconfig': neither $KUBECONFIG nor ~/.kube/config nor the service "
          "account of a pod is there");
  }
}

TEST_CASE("in a pod its service account is used", "[kube]") {
  const Folder folder;
  folder.write("token", "t");
  folder.write("ca.crt", "CA");
  folder.write("namespace", "pod-ns");
  const Access access = find_access(
      {}, surroundings({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}},
                       folder.path()));
  CHECK(access.server == "https://[fd00::1]:443");
  CHECK(access.ns == "pod-ns");
  CHECK(access.token_file == std::filesystem::path(folder.path()) / "token");
}

}  // namespace crossover::kube
