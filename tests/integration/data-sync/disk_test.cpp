// Disks that are full, on either side.
#include "base/error.h"
#include "fixtures/error_of.h"
#include "fixtures/postgres/small_disk.h"
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

constexpr std::size_t disk_size = std::size_t{96} << 20U;

/// Both databases, one of them on a disk of its own.
struct OnSmallDisk {
  explicit OnSmallDisk(Side side) {
    disk.take(side == Side::old_side ? world.old_server : world.new_server, "app");
  }
  SmallDisk disk{disk_size};
  World world{15, 17};
  Place place{world};
};

/// Both servers, one of them with its WAL on a disk of its own.
struct WalOnSmallDisk {
  explicit WalOnSmallDisk(Side side)
      : server(side == Side::old_side ? world.old_server : world.new_server) {
    server.set("wal_recycle", "off");
    disk.take_wal(server);
  }
  /// The server has to go when its present segment of 16 MiB is full, and can't come again.
  void make_room() {
    server.wait_for_end();
    disk.free();
    server.start();
  }
  /// The step fails with the server, and says how to go on.
  void expect_lost(const process::Outcome& outcome) const {
    const json failed = place.result(1, outcome)["error"];
    CHECK(failed["message"] ==
          fmt::format("unable to run a statement on '127.0.0.1:{}/app': server closed the "
                      "connection unexpectedly",
                      server.port()));
    CHECK(failed.value("hint", "") ==
          "run the same command again when both databases answer: it goes on from where it was");
    CHECK(failed.value("sqlstate", "") == "08006");
  }
  SmallDisk disk{disk_size};
  World world{15, 17};
  Place place{world};
  PostgresServer& server;
};

void write_much(World& world, int rows = 5000) {
  world.old_server.connect("app").batch(
      fmt::format("INSERT INTO public.event (token, role_id, body) SELECT 'large ' || i, 1, "
                  "to_jsonb(repeat('x', 1000)) FROM generate_series(1, {}) i",
                  rows));
}

void expect_full(const json& result, const PostgresServer& server) {
  const json& error = result["error"];
  CHECK_THAT(error["message"].get<std::string>(),
             Catch::Matches(fmt::format("unable to run a statement on '127.0.0.1:{}/app': could "
                                        "not extend file \"[A-Za-z0-9_/.]+\": No space left on "
                                        "device",
                                        server.port())));
  CHECK(error["hint"] == "Check free disk space");
  CHECK(error["sqlstate"] == "53100");
}

}  // namespace

TEST_CASE("a copy to a full disk fails with the server's words and is ended by the next start") {
  OnSmallDisk small(Side::new_side);
  write_much(small.world);
  Writers writers(small.world.old_server, 2);
  Halted step(small.place, {"start"}, "copy-truncated");
  small.disk.fill();
  expect_full(small.place.result(1, step.go_on()), small.world.new_server);
  postgres::Session new_side = small.world.new_db.open("check");
  CHECK(new_side.query("SELECT count(*) FROM public.event").int64(0, 0) == 0);
  CHECK(sync::uncopied_tables(new_side) > 0);
  expect_full(small.place.run(1, {"start"}), small.world.new_server);
  small.disk.free();
  small.place.run(0, {"start"});
  carry_the_rest(small.place, writers);
}

TEST_CASE("a drain to a full disk changes nothing, and the next one goes on") {
  OnSmallDisk small(Side::new_side);
  small.place.run(0, {"start"});
  write_much(small.world);
  Writers writers(small.world.old_server, 2);
  postgres::Session new_side = small.world.new_db.open("check");
  const auto position = [&] {
    return std::string(new_side.query("SELECT snapshot FROM crossover.position").text(0, 0));
  };
  const std::string before = position();
  Halted step(small.place, {"follow"}, "drain-read");
  small.disk.fill();
  expect_full(small.place.result(1, step.go_on()), small.world.new_server);
  CHECK(position() == before);
  small.disk.free();
  carry_the_rest(small.place, writers);
}

// Capture's log needs room that a DELETE, or an UPDATE within its page, does not: on a full disk
// these fail, too, while capture stands. So taking it off must do without any room.
TEST_CASE("on a source's full disk the service gets back by abort what capture took from it") {
  OnSmallDisk small(Side::old_side);
  small.place.run(0, {"start"});
  postgres::Session admin = small.world.old_server.connect("app");
  const auto sqlstate = [&](postgres::Session& session, const std::string& sql) {
    try {
      session.batch(sql);
      return std::string();
    } catch (const Error& error) {
      return error.sqlstate();
    }
  };
  small.disk.fill();
  // Not even a function is to find room in the catalogue.
  for (const int size : {2000, 100, 0}) {
    int number = 0;
    while (sqlstate(admin, fmt::format("CREATE FUNCTION public.f_{}_{}() RETURNS text LANGUAGE sql "
                                       "AS $$SELECT '{}'$$",
                                       size, number++, std::string(size, 'x'))) == "") {
    }
  }
  postgres::Session writer = small.world.old_server.connect("app", "writer");
  const std::string clean_up = "DELETE FROM public.event WHERE id <= 2000";
  CHECK(sqlstate(writer, clean_up) == "53100");
  small.place.run(0, {"follow", "--until-caught-up"});
  small.place.run(0, {"verify"});
  CHECK(sqlstate(writer, clean_up) == "53100");
  CHECK(small.place.run(0, {"abort"})["changed"] == true);
  CHECK(sqlstate(writer, clean_up) == "");
  CHECK(admin.query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0));
  small.disk.free();
  empty_new_side(small.world);
  Writers writers(small.world.old_server, 2);
  small.place.run(0, {"start"});
  carry_the_rest(small.place, writers);
}

TEST_CASE("capture that finds the disk full while it is installed goes as it came") {
  OnSmallDisk small(Side::old_side);
  postgres::Session admin = small.world.old_server.connect("app");
  Halted step(small.place, {"start"}, "capture-installed#3");
  small.disk.fill();
  const auto clean_up = [&] {
    postgres::Session writer = small.world.old_server.connect("app", "writer");
    writer.batch("DELETE FROM public.event WHERE id <= 2000");
  };
  // On the third table it stands already, and its log has no room.
  CHECK(error_of(clean_up).sqlstate() == "53100");
  expect_full(small.place.result(1, step.go_on()), small.world.old_server);
  SECTION("by abort, which needs no room") {
    expect_full(small.place.run(1, {"start"}), small.world.old_server);
    small.place.run(0, {"abort"});
    clean_up();
    CHECK(admin.query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0));
    small.disk.free();
    empty_new_side(small.world);
  }
  SECTION("or stays when there is room again") { small.disk.free(); }
  Writers writers(small.world.old_server, 2);
  small.place.run(0, {"start"});
  carry_the_rest(small.place, writers);
}

TEST_CASE("a target that has no room for its WAL is copied to when it is back") {
  WalOnSmallDisk small(Side::new_side);
  small.place.configure("  workers: 1\n");
  write_much(small.world, 20000);
  Writers writers(small.world.old_server, 2);
  Halted step(small.place, {"start"}, "copy-truncated");
  small.disk.fill();
  small.expect_lost(step.go_on());
  small.make_room();
  small.place.run(0, {"start"});
  carry_the_rest(small.place, writers);
}

TEST_CASE("a target that has no room for the WAL of a drain gets it when it is back") {
  WalOnSmallDisk small(Side::new_side);
  small.place.run(0, {"start"});
  write_much(small.world, 20000);
  Writers writers(small.world.old_server, 2);
  Halted step(small.place, {"follow"}, "drain-read");
  small.disk.fill();
  small.expect_lost(step.go_on());
  small.make_room();
  carry_the_rest(small.place, writers);
}

// The service is down with it, and that is not ours to mend. What it was told is carried.
TEST_CASE("a source that has no room for its WAL is followed again when it is back") {
  WalOnSmallDisk small(Side::old_side);
  small.place.run(0, {"start"});
  Writers writers(small.world.old_server, 2, Writers::OnLoss::reconnect);
  Halted step(small.place, {"follow"}, "drain-applied#2");
  small.disk.fill();
  small.make_room();  // the load has used up what there was
  small.expect_lost(step.go_on());
  carry_the_rest(small.place, writers);
  CHECK(writers.reconnections() == 2);
}
