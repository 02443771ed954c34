// The side that the service has moved to fails over to a replica without the switch's commit.
#include "fixtures/proxy/tcp_proxy.h"
#include "integration/cutover/driver.h"
#include "integration/cutover/site.h"

namespace crossover::test {
namespace {

using nlohmann::json;

using Lines = std::vector<std::string>;

/// A standby that has what its primary has now, and nothing of what comes after.
std::unique_ptr<PostgresServer> left_behind(PostgresServer& primary) {
  auto standby = primary.standby();
  standby->catch_up_with(primary);
  standby->stop();
  return standby;
}

/// A standby that streams over a network of its own.
struct FarStandby {
  explicit FarStandby(PostgresServer& primary)
      : network(primary.port()), server(primary.standby()) {
    files::append(server->data() / "postgresql.conf",
                  fmt::format("primary_conninfo = 'host=127.0.0.1 port={} user=postgres "
                              "password={} sslmode=disable'\n",
                              network.port(), superuser_password));
    postgres::ConnectionOptions options = server->options();
    options.allow_standby = true;
    postgres::Session(options).query("SELECT pg_reload_conf()");
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (network.connections() == 0) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    server->catch_up_with(primary);
  }
  TcpProxy network;
  std::unique_ptr<PostgresServer> server;
};

struct Failover {
  Failover() { REQUIRE(writers.wait_for(20, std::chrono::seconds(60))); }

  PostgresServer& server(Side side) { return service.server(side); }

  void check_serving(Side side) {
    Side found = sync::other(side);
    seconds_until_serving(service, found);
    CHECK(found == side);
  }

  /// The service, on the side opposite to `lost`, can be moved there again, with everything.
  void check_moves_to(Side lost) {
    const bool forward = lost == Side::new_side;
    const json refused = site.run(3, {verb_to(lost)});
    CHECK(message(refused) == fmt::format("unable to drain from the {} database: the {} one has "
                                          "failed over since it was switched to, and may lack rows "
                                          "that had been carried back",
                                          sync::name(sync::other(lost)), sync::name(lost)));
    CHECK(refused["error"]["hint"] ==
          fmt::format("run `data-sync start{}` again: it compares all rows, repairs those that "
                      "differ and saves those that only the target has",
                      forward ? "" : " --reverse"));
    std::vector<std::string> start = {"start"};
    if (!forward) {
      start.emplace_back("--reverse");
    }
    site.run_program(0, CROSSOVER_DATA_SYNC, start);
    // A switch that is recorded as under way is resumed, without a look at its guards.
    if (forward && site.run(0, {"status"})["tables"][0]["rows"][0][2] == "-") {
      CHECK(message(site.run(3, {"switch"})) ==
            "unable to switch: the rows of the new database have not been verified since they were "
            "copied");
      site.run_program(0, CROSSOVER_DATA_SYNC, {"verify"});
    }
    site.run(0, {verb_to(lost)});
    check_serving(lost);
    check_all_there(lost);
  }

  void check_all_there(Side live) {
    writers.stop();
    CHECK(writers.differences(service, live) == Lines{});
  }

  Site site{};
  Service& service = site.service();
  Writers writers{service, 6, std::chrono::milliseconds(20)};
};

TEST_CASE("a switch whose commit is lost before anybody wrote there is undone without a loss") {
  // The replica may lack even what the switch recorded before its pause.
  for (const bool recorded : {true, false}) {
    INFO(recorded);
    Failover test;
    if (recorded) {
      CHECK(test.site.start({"switch"}, "switch-drained:kill").signal == 9);
    }
    const auto standby = left_behind(test.server(Side::new_side));
    CHECK(test.site.start({"switch"}, "switch-retargeted:kill").signal == 9);
    test.server(Side::new_side).give_way_to(*standby);
    const Process guard(guard_of(test.service, 0), {});
    test.check_serving(Side::old_side);
    REQUIRE(test.writers.wait_for(20, std::chrono::seconds(30)));
    test.check_moves_to(Side::new_side);
    CHECK(test.writers.failures() == Lines{});
  }
}

TEST_CASE("a rollback whose commit is lost is undone in the same way") {
  Failover test;
  test.site.run(0, {"switch"});
  const auto standby = left_behind(test.server(Side::old_side));
  CHECK(test.site.start({"rollback"}, "switch-retargeted:kill").signal == 9);
  test.server(Side::old_side).give_way_to(*standby);
  const Process guard(guard_of(test.service, 0), {});
  test.check_serving(Side::new_side);
  REQUIRE(test.writers.wait_for(20, std::chrono::seconds(30)));
  test.check_moves_to(Side::old_side);
  CHECK(test.writers.failures() == Lines{});
}

TEST_CASE("what was carried back before the new side lost it is kept by the next switch") {
  Failover test;
  const auto standby = left_behind(test.server(Side::new_side));
  CHECK(test.site.start({"switch"}, "switch-resumed:kill").signal == 9);
  REQUIRE(test.writers.wait_for(20, std::chrono::seconds(30)));
  test.writers.stop();
  CHECK(test.writers.failures() == Lines{});
  test.site.run_program(0, CROSSOVER_DATA_SYNC, {"follow", "--reverse", "--until-caught-up"});
  test.server(Side::new_side).give_way_to(*standby);
  const Process guard(guard_of(test.service, 0), {});
  test.check_serving(Side::old_side);
  test.check_all_there(Side::old_side);
  test.check_moves_to(Side::new_side);
}

TEST_CASE("only what was acknowledged after the switch is lost with a replica that was behind") {
  Failover test;
  FarStandby standby(test.server(Side::new_side));
  test.writers.stop();
  standby.network.stall();
  const json switched = test.site.run(0, {"switch"});
  CHECK(check_named(switched, "new replicas") ==
        json{{"name", "new replicas"},
             {"outcome", "warn"},
             {"detail",
              "without the switch on disk: walreceiver; if one of them is promoted now, the guards "
              "bring the service back to the old database; run this step again when they have "
              "caught up, which ends that"}});
  Writers lost(test.service, 6, std::chrono::milliseconds(20));
  REQUIRE(lost.wait_for(20, std::chrono::seconds(30)));
  lost.stop();
  CHECK(lost.failures() == Lines{});
  standby.server->stop(PostgresServer::Stop::immediate);
  test.server(Side::new_side).give_way_to(*standby.server);
  const Process guard(guard_of(test.service, 0), {});
  test.check_serving(Side::old_side);
  test.check_all_there(Side::old_side);
}

TEST_CASE("a new side that is lost while its replicas are waited for is left to the guards") {
  Failover test;
  FarStandby standby(test.server(Side::new_side));
  const Process guard(guard_of(test.service, 0), {});
  standby.network.stall();
  process::Outcome outcome;
  std::thread task([&] { outcome = test.site.start({"switch"}); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  Side live = Side::old_side;
  while ((!serving(test.service, live) || live == Side::old_side) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  test.writers.stop();
  standby.server->stop(PostgresServer::Stop::immediate);
  test.server(Side::new_side).give_way_to(*standby.server);
  task.join();
  CHECK(outcome.exit_code == 1);
  const json result = json::parse(outcome.out);
  CHECK(result["error"]["context"][0] == "the service was moved to the new database");
  CHECK(result["error"]["hint"] ==
        "run this step again; see `route-switch status` for where the service is now");
  test.check_serving(Side::old_side);
}

TEST_CASE("a replica that has caught up ends the switch at its next run") {
  Failover test;
  FarStandby standby(test.server(Side::new_side));
  standby.network.stall();
  test.site.run(0, {"switch"});
  standby.network.resume();
  standby.server->catch_up_with(test.server(Side::new_side));
  const json again = test.site.run(0, {"switch"});
  CHECK(check_named(again, "new replicas")["detail"] ==
        "1 stream from the new database, and have the switch on disk");
  CHECK(again["changed"] == false);
  standby.server->catch_up_with(test.server(Side::new_side));
  standby.server->stop();
  test.server(Side::new_side).give_way_to(*standby.server);
  const Process guard(guard_of(test.service, 0), {});
  test.check_serving(Side::new_side);
}

/// After the switch or rollback to `lost` was over, that side loses it.
struct Stranded : Failover {
  explicit Stranded(Side lost) {
    if (lost == Side::old_side) {
      site.run(0, {"switch"});
    }
    const auto standby = left_behind(server(lost));
    site.run(0, {verb_to(lost)});
    writers.stop();
    site.run_program(0, CROSSOVER_DATA_SYNC,
                     lost == Side::new_side ? Lines{"follow", "--reverse", "--until-caught-up"}
                                            : Lines{"follow", "--until-caught-up"});
    server(lost).give_way_to(*standby);
  }
};

TEST_CASE("a side that loses the switch after its end is given up by a person's word only") {
  for (const Side lost : {Side::new_side, Side::old_side}) {
    INFO(sync::name(lost));
    Stranded test(lost);
    const Process guard(guard_of(test.service, 0), {});
    const json status = test.site.run(0, {"status"});
    CHECK(status["report"]["live"] == "unknown");
    CHECK(check_named(status, "database")["detail"].get<std::string>().starts_with(
        "the gates of both databases are closed and no switch is under way; "));
    const json refused = test.site.run(3, {verb_to(lost)});
    CHECK(message(refused) == fmt::format("unable to go on with the {} database: it has failed "
                                          "over itself, and may lack what the other one has",
                                          sync::name(lost)));
    CHECK(test.site.live() == "unknown");
    test.site.run(0, {verb_to(sync::other(lost))});
    test.check_serving(sync::other(lost));
    CHECK(test.site.live() == sync::name(sync::other(lost)));
    test.check_all_there(sync::other(lost));
    test.check_moves_to(lost);
  }
}

TEST_CASE("a person's word is carried out by the guards when its program is killed") {
  Stranded test(Side::new_side);
  CHECK(test.site.start({"rollback"}, "switch-stranded:kill").signal == 9);
  const Process guard(guard_of(test.service, 0), {});
  test.check_serving(Side::old_side);
  test.check_all_there(Side::old_side);
}

}  // namespace
}  // namespace crossover::test
