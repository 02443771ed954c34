// Flyway goes on with the schema of the new database while it is live, which ends rolling back.
// Then the data goes home, to an older PostgreSQL, by a migration of its own.
#include "integration/db-provision/story.h"
#include "integration/kube/cluster.h"

namespace crossover::test {
namespace {

using nlohmann::json;
using sync::Side;

constexpr const char* first_migration =
    "CREATE TABLE public.flyway_schema_history (installed_rank int PRIMARY KEY, version text, "
    "description text, type text, script text, checksum int, installed_by text, installed_on "
    "timestamp DEFAULT now(), execution_time int, success boolean);"
    "INSERT INTO public.flyway_schema_history VALUES "
    "(1, '1', 'schema', 'SQL', 'V1', 1, 'x', now(), 1, true)";
constexpr const char* change = "ALTER TABLE public.profile ADD COLUMN motto text DEFAULT 'none'";
constexpr const char* second_migration =
    "INSERT INTO public.flyway_schema_history VALUES "
    "(2, '2', 'mottos', 'SQL', 'V2', 2, 'x', now(), 1, true)";
const std::string history =
    "SELECT count(*) FROM public.flyway_schema_history WHERE version IN ('1', '2') AND success";

const std::string schema_has_changed =
    "unable to drain from the new database: its schema has changed: + column "
    "public.profile.motto text f";
const std::string rollback_ended =
    "rolling back has ended with this change: run `data-sync finish`";

/// Where Flyway is not: it notes what it was asked to do, and where.
constexpr const char* flyway = "#!/bin/sh\necho \"$1 $FLYWAY_URL\" >> flyway.log\n";

std::string with_flyway(const std::string& ns) {
  return "namespace: " + ns +
         "\nprovision: {external: true, flyway: {runner: local, command: [./flyway, migrate]}}\n";
}

std::string hint(const json& result) { return result.at("error").at("hint"); }

void check_refusal(const json& result, const std::string& expected, const std::string& way_on) {
  CHECK(message(result) == expected);
  CHECK(hint(result) == way_on);
}

/// The service lives on the new database, whose schema then goes on under the follower.
void change_live_schema(Story& story) {
  postgres::Session session = story.service().server(Side::new_side).connect("app");
  session.batch(first_migration);
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"start"}, {"start", "--reverse"}, {"verify"}}) {
    story.data_sync(0, arguments);
  }
  CHECK(story.site().run(0, {"switch"})["changed"] == true);
  auto follower = story.follow({"--reverse"});
  story.written();
  session.batch(std::string("BEGIN;") + change + ";" + second_migration + ";COMMIT");
  const process::Outcome outcome = follower.get();
  INFO(outcome.err);
  CHECK(outcome.exit_code == 3);
  check_refusal(json::parse(outcome.out), schema_has_changed,
                rollback_ended + "; the newest migration there is 2 'mottos'");
  story.written();
}

TEST_CASE("a change of the live schema ends rolling back, and everybody who asks is told",
          "[cluster]") {
  Story story;
  change_live_schema(story);
  const auto rollback_state = [&] {
    return check_named(story.site().run(0, {"status"}), "rollback");
  };
  const json ended = {{"name", "rollback"},
                      {"outcome", "warn"},
                      {"detail",
                       "it has ended: the schema of the new database has changed since the last "
                       "drain, so nothing is carried back any more"}};
  CHECK(rollback_state() == ended);
  check_refusal(story.site().run(3, {"rollback"}), schema_has_changed, rollback_ended);
  // It has touched nothing, and none is under way.
  CHECK(rollback_state() == ended);
  CHECK(story.site().run(0, {"status"})["tables"][0]["rows"] ==
        json{{"old", "closed", "-", "no", ""}, {"new", "open", "-", "no", ""}});
  check_refusal(story.data_sync(3, {"verify", "--reverse"}), schema_has_changed, rollback_ended);
  const std::string other_columns =
      "unable to carry changes from the new database: its schema has changed since its tables were "
      "recorded: table public.profile has the columns (id, name, counter, updated_at, motto), not "
      "(id, name, counter, updated_at)";
  check_refusal(story.data_sync(3, {"start", "--reverse"}), other_columns, rollback_ended);
  story.written();

  CHECK(story.data_sync(0, {"finish"})["changed"] == true);
  CHECK(story.site().run(0, {"switch"})["changed"] == false);
  CHECK(story.data_sync(0, {"status"})["report"]["old"]["phase"] == "finished");
  CHECK(rollback_state()["outcome"] == "missing");
  check_refusal(story.data_sync(3, {"start", "--reverse"}), other_columns,
                "the data goes home by a migration of its own: end this one by `data-sync remove "
                "--open-closed-side`, make both schemas equal, and begin another, whose old "
                "database is this one's new");
  story.end_load(Side::new_side);
}

TEST_CASE("after a change of its schema the data goes home, to an older PostgreSQL", "[cluster]") {
  const kube::testing::TestCluster cluster;
  Story story(with_flyway(cluster.ns()));
  Service& service = story.service();
  change_live_schema(story);
  story.data_sync(0, {"finish"});

  // The original is brought to the new schema, by hand here, and counts as Flyway's.
  service.server(Side::old_side).connect("app").batch(change);
  files::write_atomically(story.site().folder() / "flyway", flyway);
  std::filesystem::permissions(story.site().folder() / "flyway", std::filesystem::perms::owner_all);
  const auto adopt = [&] {
    return story.site().run_program(0, CROSSOVER_DB_PROVISION,
                                    {"apply", "--home", "--adopt-history"});
  };
  const json adopted = adopt();
  CHECK(adopted["changes"] == json{{{"object", "database old"},
                                    {"action", "adopted Flyway's history"},
                                    {"detail", "2 migrations, newest version 2"}}});
  CHECK(check_named(adopted, "flyway validate")["outcome"] == "pass");
  CHECK(adopt()["changed"] == false);
  const std::string validated =
      fmt::format("validate jdbc:postgresql://127.0.0.1:{}/app?sslmode=disable\n",
                  service.server(Side::old_side).port());
  CHECK(files::read(story.site().folder() / "flyway.log") == validated + validated);
  CHECK(service.number(Side::old_side, history) == 2);

  // The side that the service has left stays closed, and says how it is opened.
  CHECK(story.data_sync(0, {"remove"})["changed"] == true);
  story.begin_another("home", Side::new_side);
  check_refusal(story.data_sync(3, {"start"}),
                "unable to use database 'app' for migration 'home': it takes part in migration "
                "'registry' as the old side",
                "end that one by `data-sync remove --open-closed-side` with its own configuration, "
                "or correct databases in crossover.yaml");
  story.begin_another("registry", Side::old_side);
  CHECK(story.data_sync(0, {"remove", "--open-closed-side"})["changed"] == true);
  const std::vector<std::string> before = story.catalogues();

  story.begin_another("home", Side::new_side);
  service.lead_poolers_by(service.server(Side::new_side).port(),
                          service.server(Side::old_side).port());
  story.data_sync(0, {"start"});
  story.data_sync(0, {"start", "--reverse"});
  CHECK(story.data_sync(0, {"verify"})["checks"].size() == 2);
  auto follower = story.follow({});
  story.written();
  // Home, back once more, and home for good.
  for (const std::string verb : {"switch", "rollback", "switch"}) {
    INFO(verb);
    CHECK(story.site().run(0, {verb})["changed"] == true);
    if (follower.valid()) {
      CHECK(follower.get().exit_code == 5);
    }
    story.written();
    CHECK(story
              .data_sync(0, verb == "switch" ? std::vector<std::string>{"verify", "--reverse"}
                                             : std::vector<std::string>{"verify"})["checks"]
              .size() == 2);
  }
  CHECK(service.state().leads_to ==
        fmt::format("127.0.0.1:{}/app", service.server(Side::old_side).port()));
  story.data_sync(0, {"finish"});
  story.data_sync(0, {"remove", "--open-closed-side"});
  story.written();
  story.end_load(Side::old_side);
  CHECK(story.catalogues() == before);
}

}  // namespace
}  // namespace crossover::test
