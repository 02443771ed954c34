#include "db-provision/plan.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "resources/label_objects.h"

using namespace crossover;
using nlohmann::json;

namespace {

json desired(const std::string& kind, const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", {{"name", name}, {"namespace", "n"}}}};
}

json pooler(const std::string& digest) {
  json result = desired("Deployment", "pooler");
  result["spec"]["template"]["metadata"]["annotations"] = {{"crossover/content-sha256", digest}};
  return result;
}

db_provision::ObservedStage stage(const std::string& name, std::vector<json> objects) {
  resources::SetState state;
  state.live.resize(objects.size());
  return {name, resources::ObjectSet("m", name, std::move(objects)), state};
}

config::Migration migration(config::FlywayRunner runner) {
  config::Migration result;
  result.name = "m";
  result.temporary_label = "app=new";
  result.provision.flyway.runner = runner;
  return result;
}

std::string steps(const cli::Plan& plan) {
  std::string text;
  for (const cli::PlanStep& step : plan.steps()) {
    text += step.action + " " + step.object + "; ";
  }
  return text;
}

}  // namespace

TEST_CASE("stages come in order, and Flyway where its runner has it") {
  const std::vector<db_provision::ObservedStage> stages = {
      stage("database", {desired("StatefulSet", "db")}),
      stage("api", {desired("Deployment", "api")})};
  CHECK(steps(db_provision::plan_apply(migration(config::FlywayRunner::hook), {}, stages)) ==
        "apply statefulset/db; wait set database; apply deployment/api; wait set api; "
        "migrate database new; ");
  CHECK(steps(db_provision::plan_apply(migration(config::FlywayRunner::local), {}, stages)) ==
        "apply statefulset/db; wait set database; migrate database new; apply deployment/api; "
        "wait set api; ");
}

TEST_CASE("a password that is made when the plan runs does not change the plan's hash") {
  const config::Migration config = migration(config::FlywayRunner::none);
  const auto hash = [&](const std::string& digest) {
    return db_provision::plan_apply(config, {}, {stage("pooler", {pooler(digest)})}).sha256();
  };
  CHECK(hash("a") == hash("b"));
}

TEST_CASE("apply never deletes what holds data") {
  resources::SetState state;
  state.stale = {desired("ConfigMap", "a"), desired("StatefulSet", "db"), desired("Secret", "s"),
                 desired("PersistentVolumeClaim", "data")};
  const std::vector<json> kept = db_provision::keep_what_holds_data(state);
  CHECK(kept.size() == 3);
  REQUIRE(state.stale.size() == 1);
  CHECK(state.stale.front()["kind"] == "ConfigMap");
}

TEST_CASE("remove keeps volumes unless told") {
  const std::vector<json> all = {desired("Service", "a"), desired("PersistentVolumeClaim", "data")};
  CHECK(db_provision::to_be_removed(all, false).size() == 1);
  CHECK(db_provision::to_be_removed(all, true).size() == 2);
  const config::Migration config = migration(config::FlywayRunner::none);
  CHECK(db_provision::plan_remove(config, {}, false).sha256() !=
        db_provision::plan_remove(config, {}, true).sha256());
}

TEST_CASE("the temporary label is added where its key is free") {
  json bare = desired("Service", "a");
  CHECK(resources::add_temporary_label(bare, "app=new"));
  CHECK(bare["metadata"]["labels"]["app"] == "new");
  CHECK(resources::add_temporary_label(bare, "app=new"));
  CHECK_FALSE(resources::add_temporary_label(bare, "app=other"));
  CHECK(bare["metadata"]["labels"]["app"] == "new");
}
