// A follower in the cluster needs the API server to begin, and not to go on.
#include <algorithm>

#include "integration/cutover/site.h"
#include "integration/cutover/stopped_program.h"
#include "integration/kube/cluster.h"
#include "integration/kube/far_api.h"
#include "integration/tasks/program.h"

namespace crossover::test {

TEST_CASE("a follower whose password is in a Secret goes on without an API server", "[cluster]") {
  kube::testing::TestCluster cluster;
  kube::testing::FarApi api;
  cluster.client().create({{"apiVersion", "v1"},
                           {"kind", "Secret"},
                           {"metadata", {{"name", "creds"}}},
                           {"stringData", {{"password", superuser_password}}}});
  PostgresServer old_server{15};
  PostgresServer new_server{17};
  for (PostgresServer* server : {&old_server, &new_server}) {
    server->connect("postgres").batch("CREATE TABLE public.item(id int PRIMARY KEY)");
  }
  const auto database = [](const PostgresServer& server) {
    return fmt::format(
        "{{host: 127.0.0.1, port: {}, database: postgres, tls: {{mode: disable}}, credentials: "
        "{{user: postgres, secret: creds}}}}",
        server.port());
  };
  const testing::Workplace place;
  place.write("crossover.yaml",
              fmt::format("name: shop\nnamespace: {}\napproval: none\n"
                          "databases:\n  old: {}\n  new: {}\nsync: {{answers: {{listen: none, "
                          "advisoryLocks: none, temporaryTables: none, workers: none}}}}\n",
                          cluster.ns(), database(old_server), database(new_server)));
  place.run(0, CROSSOVER_DATA_SYNC, {"start", "--kubeconfig", api.secure_kubeconfig()});
  old_server.connect("postgres").batch("INSERT INTO public.item VALUES (1)");

  process::Command follow;
  follow.argv = {CROSSOVER_DATA_SYNC, "follow", "--until-caught-up", "--kubeconfig",
                 api.secure_kubeconfig()};
  follow.environment = {{"CROSSOVER_STOP_AT", "drain-read:stop"}};
  follow.directory = place.path();
  StoppedProgram program(follow);
  program.break_at_stop([&] {
    old_server.connect("postgres").batch("INSERT INTO public.item VALUES (2)");
    api.secure.refuse();
    api.secure.cut();
  });
  program.result(0);
  CHECK(new_server.connect("postgres").query("SELECT count(*) FROM public.item").int64(0, 0) == 2);
}

}  // namespace crossover::test
