// A password that is looked for in everything that the six programs say and leave behind.
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "base/error.h"
#include "fixtures/postgres/installation.h"
#include "integration/secrets/stage.h"
#include "sync/state.h"

namespace crossover::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Arguments = std::vector<std::string>;

const std::vector<std::string> nowhere;

/// Built by scripts/image; the part for Helm is left out where it is missing.
std::string helm() {
  const fs::path path = binaries_cache() / "bin" / "helm";
  return fs::exists(path) ? path.string() : std::string();
}

std::string apply_token(Stage& stage) {
  postgres::Session session = stage.connect(stage.old_server());
  return sync::read_migration(session)->apply_token.reveal();
}

void provision(Stage& stage) {
  stage.run(0, CROSSOVER_NSP_APPLY, {"apply", "--dry-run"});
  stage.run(0, CROSSOVER_NSP_APPLY, {"apply"});
  stage.run(0, CROSSOVER_DB_PROVISION, {"apply", "--dry-run"});
  stage.run(0, CROSSOVER_DB_PROVISION, {"apply"});
  stage.run(0, CROSSOVER_DB_PROVISION, {"status"});
  const kube::Ref secret{"v1", "Secret", {}, "from-template"};
  CHECK(kube::secret_value(stage.cluster().client().get(secret), "password") == canary);
}

void copy(Stage& stage) {
  for (const Source source : {Source::environment, Source::file, Source::dsn, Source::secret}) {
    stage.configure(source);
    stage.run(0, CROSSOVER_DATA_SYNC, {"preflight"});
    stage.run(0, CROSSOVER_DATA_SYNC, {"--print-config"});
  }
  stage.run(0, CROSSOVER_DATA_SYNC, {"start", "--dry-run"});
  stage.run(0, CROSSOVER_DATA_SYNC, {"start"});
  stage.run(0, CROSSOVER_DATA_SYNC, {"start", "--reverse"});
  stage.run(0, CROSSOVER_DATA_SYNC, {"follow", "--until-caught-up"});
  stage.run(0, CROSSOVER_DATA_SYNC, {"verify"});
  stage.run(0, CROSSOVER_DATA_SYNC, {"status"});
}

void check(Stage& stage) {
  for (const char* phase : {"schema", "seeds", "anonymous", "full"}) {
    stage.run(0, CROSSOVER_SEED_VERIFY, {"check", "--phase", phase, "--target", "api"});
  }
}

void move(Stage& stage) {
  stage.start_pooler();
  postgres::ConnectionOptions application = stage.pooler().options("app", "app");
  CHECK(postgres::Session(application).query("SELECT 1").int64(0, 0) == 1);
  for (const char* verb : {"plan", "switch", "status", "rollback", "switch"}) {
    stage.run(0, CROSSOVER_ROUTE_SWITCH, stage.with_pooler({verb}));
  }
  CHECK(postgres::Session(application).query("SELECT 1").int64(0, 0) == 1);
}

void back_up(Stage& stage) {
  if (helm().empty()) {
    WARN("no Helm in the cache: backup-install was not looked at");
    return;
  }
  for (const Arguments& arguments : {Arguments{"apply", "--dry-run"}, {"apply"}, {"status"}}) {
    Arguments all = arguments;
    all.insert(all.end(), {"--helm", helm()});
    stage.run(0, CROSSOVER_BACKUP_INSTALL, all);
  }
  const json secret = stage.cluster().client().get("v1", "Secret", "backup");
  CHECK(kube::secret_value(secret, "single") == canary);
  CHECK(kube::secret_value(secret, "file") == canary);
}

void clean_up(Stage& stage) {
  stage.run(0, CROSSOVER_DATA_SYNC, {"finish"});
  stage.run(0, CROSSOVER_DATA_SYNC,
            {"remove", "--open-closed-side", "--evidence-file", "evidence.json"});
  if (!helm().empty()) {
    stage.run(0, CROSSOVER_BACKUP_INSTALL, {"remove", "--helm", helm()});
  }
  stage.run(0, CROSSOVER_DB_PROVISION, {"remove"});
  stage.run(0, CROSSOVER_NSP_APPLY, {"remove"});
}

}  // namespace

TEST_CASE("the search finds a canary in each of its forms") {
  CHECK(traces("nothing here").empty());
  CHECK(traces(std::string("a ") + canary).size() == 1);
  CHECK(traces(std::string("uri ") + canary_in_uri).size() == 1);
  CHECK(traces(json(canary).dump()).size() == 1);
  CHECK(traces("cut: cAnaryPw7Q").size() == 1);
  for (const std::string before : {"", "a", "ab", "abc"}) {
    CHECK(traces(kube::base64_encode(before + canary + "b")).size() == 1);
  }
  CHECK(traces("x0123456789abcdefx", "0123456789abcdef").size() == 1);

  const CommandLines lines;
  const Daemon planted({"sh", "-c", "sleep 60", "cAnaryPw7Qz"}, "/dev/null");
  const auto seen = [&] {
    const auto all = lines.seen();
    return std::any_of(all.begin(), all.end(),
                       [](const std::string& line) { return !traces(line).empty(); });
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!seen() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(seen());
}

TEST_CASE("the password is nowhere, on the way from the first step to the last", "[cluster]") {
  Stage stage;
  provision(stage);
  copy(stage);
  check(stage);
  back_up(stage);
  move(stage);
  stage.keep_traces_of_all_places();
  const std::string token = apply_token(stage);
  clean_up(stage);
  stage.keep_traces_of_all_places();
  CHECK(stage.found(canary) == nowhere);
  CHECK(stage.found(token) == nowhere);
  // What was kept is what was meant: it holds what stands beside the password.
  CHECK_FALSE(stage.found("migrator").empty());
  CHECK_FALSE(stage.found("redacted").empty());
  CHECK_FALSE(stage.found("set_config").empty());
}

TEST_CASE("the password is in no error", "[cluster]") {
  Stage stage;
  const std::string old = fmt::format("@127.0.0.1:{}/app?sslmode=", stage.old_server().port());
  const auto status_by = [&](const std::string& dsn) {
    stage.configure(Source::dsn);
    stage.environment["OLD_DSN"] = dsn;
    return stage.fail(CROSSOVER_DATA_SYNC, {"status"});
  };
  const std::string login = fmt::format("postgresql://migrator:{}", canary_in_uri);
  CHECK_THAT(status_by(login + "@127.0.0.1:1/app?sslmode=disable"),
             Catch::EndsWith("Connection refused"));
  CHECK_THAT(status_by(login + "@nowhere.invalid/app?sslmode=disable"),
             Catch::StartsWith("unable to connect to 'nowhere.invalid:5432/app': "));
  CHECK_THAT(status_by(login + old + "require"), Catch::Contains("does not support SSL"));
  CHECK_THAT(status_by(login + "x" + old + "disable"),
             Catch::Contains("password authentication failed"));
  CHECK_THAT(status_by(fmt::format("postgresql://migrator:x@{}{}disable", canary_in_uri, old)),
             Catch::EndsWith("the host holds '@'"));
  CHECK_THAT(status_by(fmt::format("host=127.0.0.1 user=migrator password={} and more", canary)),
             Catch::StartsWith("unable to read 'connection string'"));
  stage.environment["OLD_DSN"] = fmt::format("postgresql://weak:{}{}disable", canary_in_uri, old);
  stage.fail(CROSSOVER_DATA_SYNC, {"start"});

  stage.configure(Source::environment);
  stage.environment["PASSWORD"] = std::string(canary) + "x";
  CHECK_THAT(stage.fail(CROSSOVER_SEED_VERIFY, {"check", "--phase", "seeds"}),
             Catch::Contains("password authentication failed"));
  stage.start_pooler();
  stage.configure(Source::secret);
  stage.run(0, CROSSOVER_DATA_SYNC, {"start"});
  stage.run(0, CROSSOVER_DATA_SYNC, {"start", "--reverse"});
  stage.environment["CROSSOVER_POOLER_PASSWORD"] = std::string(canary) + "x";
  stage.fail(CROSSOVER_ROUTE_SWITCH, stage.with_pooler({"switch"}));

  stage.write("broken", "");
  CHECK_THAT(stage.fail(CROSSOVER_DB_PROVISION, {"apply"}),
             Catch::EndsWith("ERROR: password [redacted] is no good"));
  // In clear where base64 must stand: the server's refusal must not repeat it.
  for (const char* data :
       {"data: {password: \"${PASSWORD}\"}", "stringData: {a: \"${{PASSWORD}}\"}",
        "stringData: {password: [\"${PASSWORD}\"]}"}) {
    stage.write("rules.yaml",
                fmt::format("apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: "
                            "{{name: rules}}\nparameters: [{{name: PASSWORD}}]\nobjects:\n  - "
                            "apiVersion: v1\n    kind: Secret\n    metadata: {{name: wrong}}\n    "
                            "{}\n",
                            data));
    stage.attempt(CROSSOVER_NSP_APPLY, {"apply"});
  }
  stage.keep_traces_of_all_places();
  CHECK(stage.found(canary) == nowhere);
}

#ifndef __SANITIZE_ADDRESS__  // where it is built in, its leak check must attach to the program
TEST_CASE("a program that holds secrets leaves no core and can't be looked into") {
  const files::TemporaryDirectory folder;
  give_to_server_account(folder.path());
  const fs::path fifo = folder.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  give_to_server_account(fifo);
  for (const char* built : {CROSSOVER_NSP_APPLY, CROSSOVER_DB_PROVISION}) {
    // Somebody who is not root must be able to run it.
    const fs::path program = folder.path() / fs::path(built).filename();
    fs::copy_file(built, program);
    give_to_server_account(program);
    const Daemon running({program.string(), "apply", "--render", "--template", fifo.string()},
                         "/dev/null");
    const fs::path process = fs::path("/proc") / std::to_string(running.pid());
    const auto limits = [&] { return files::read(process / "limits"); };
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    // What can't be dumped belongs to root, and nobody else may attach to it (proc(5)).
    const auto guarded = [&] {
      struct stat status {};
      return limits().find("Max core file size        0                    0") !=
                 std::string::npos &&
             ::stat((process / "mem").c_str(), &status) == 0 && status.st_uid == 0;
    };
    while (!guarded() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(guarded());
    CHECK(server_account().uid != 0);
  }
}
#endif

}  // namespace crossover::test
