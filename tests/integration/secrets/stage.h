#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "files/files.h"
#include "fixtures/postgres/pgbouncer.h"
#include "fixtures/postgres/server.h"
#include "fixtures/servers/scripted_server.h"
#include "integration/kube/cluster.h"
#include "integration/secrets/canary.h"
#include "process/command.h"

namespace crossover::test {

/// Reports the pods of a namespace as running, in place of a kubelet.
class Kubelet {
 public:
  explicit Kubelet(kube::testing::TestCluster& cluster);
  ~Kubelet();
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

 private:
  void run();
  std::unique_ptr<kube::Client> client_;
  std::string ns_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

/// How crossover.yaml says where the password is.
enum class Source { secret, environment, file, dsn };

/// Two databases, a cluster and a folder with crossover.yaml for all six programs. Every password
/// is the canary. What the programs say, wherever they say it, is kept.
class Stage {
 public:
  Stage();

  /// Writes crossover.yaml with the databases' passwords from `source`.
  void configure(Source source, const std::string& more = {});
  void write(const std::string& name, const std::string& text, mode_t mode = 0644) const;
  /// Wins over what `run` sets otherwise.
  std::map<std::string, std::string> environment{};

  /// Runs a program twice, with JSON and with text; both must end with `exit_code`. Returns the
  /// document.
  nlohmann::json run(int exit_code, const std::string& program,
                     const std::vector<std::string>& arguments);
  /// The same, however it ends.
  void attempt(const std::string& program, const std::vector<std::string>& arguments);
  /// The same for what must fail, whatever the code; returns the error's text.
  std::string fail(const std::string& program, const std::vector<std::string>& arguments);
  /// Keeps `text` with the rest, under `label`.
  void keep(const std::string& label, const std::string& text) { said_[label] += text; }
  /// Everything in databases, logs and objects that is there now.
  void keep_traces_of_all_places();

  /// Where `secret` stands in all that was kept: "LABEL: text around it".
  std::vector<std::string> found(std::string_view secret) const;

  kube::testing::TestCluster& cluster() { return cluster_; }
  PostgresServer& old_server() { return old_; }
  PostgresServer& new_server() { return new_; }
  /// A session of the migration's role.
  postgres::Session connect(const PostgresServer& server) const;
  /// Starts a pooler with the user file that db-provision has put into its Secret, and
  /// with the canary as its administrator's password.
  void start_pooler();
  PgBouncer& pooler() { return *pooler_; }
  /// For route-switch: which pooler, and how to log in to it.
  std::vector<std::string> with_pooler(std::vector<std::string> arguments) const;

 private:
  process::Outcome start(const std::string& program, std::vector<std::string> arguments,
                         const std::string& output);
  void keep_objects();
  void keep_database(const PostgresServer& server);

  kube::testing::TestCluster cluster_;
  PostgresServer old_{15};
  PostgresServer new_{17};
  testing::ScriptedServer api_;
  files::TemporaryDirectory folder_;
  std::unique_ptr<PgBouncer> pooler_;
  Kubelet kubelet_;
  CommandLines command_lines_;
  std::map<std::string, std::string> said_;
};

}  // namespace crossover::test
