// Rules rewrite what the application says, never what is carried.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/retry.h"
#include "sync/catalogue.h"
#include "sync/compare.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "sync/selection.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

// One that writes elsewhere as well, one that writes nothing, one that does something else instead,
// one under a condition, one of a view, and those of a table that is a parent.
constexpr const char* ruled_schema = R"(
CREATE TABLE public.ruled (id int PRIMARY KEY, value int, gone boolean NOT NULL DEFAULT false);
CREATE TABLE public.trail (id bigserial PRIMARY KEY, what text, of int);
CREATE TABLE public.refused (id int PRIMARY KEY, value int);
CREATE TABLE public.heir (PRIMARY KEY (id)) INHERITS (public.ruled);
CREATE RULE also_trail AS ON INSERT TO public.ruled
  DO ALSO INSERT INTO public.trail (what, of) VALUES ('insert', NEW.id);
CREATE RULE also_update AS ON UPDATE TO public.ruled
  DO ALSO INSERT INTO public.trail (what, of) VALUES ('update', OLD.id);
CREATE RULE keep AS ON DELETE TO public.ruled
  DO INSTEAD UPDATE ONLY public.ruled SET gone = true WHERE id = OLD.id;
CREATE RULE too_large AS ON INSERT TO public.refused WHERE NEW.value > 1000
  DO INSTEAD INSERT INTO public.trail (what, of) VALUES ('too large', NEW.value);
CREATE RULE never AS ON UPDATE TO public.refused DO INSTEAD NOTHING;
CREATE VIEW public.seen AS SELECT id, value FROM public.ruled;
CREATE RULE add AS ON INSERT TO public.seen
  DO INSTEAD INSERT INTO public.ruled VALUES (NEW.id, NEW.value);
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO writer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO writer;
)";

const std::vector<const char*> ruled_tables = {"ruled", "trail", "refused", "heir"};

const std::vector<const char*> ruled_statements = {
    "INSERT INTO public.ruled VALUES (-1, 1)",
    "INSERT INTO public.seen VALUES (-2, 1)",
    "UPDATE public.ruled SET value = value + 1 WHERE id < 20",
    "DELETE FROM public.ruled WHERE id BETWEEN 10 AND 15",
    "DELETE FROM ONLY public.heir WHERE id = 12",
    "INSERT INTO public.refused SELECT 1000 + i, 900 + i FROM generate_series(1, 200) i",
    "UPDATE public.refused SET value = 0",
    "DELETE FROM public.refused WHERE id > 1000",
    "TRUNCATE public.ruled",
    // The many that go through COPY and a temporary table.
    "INSERT INTO public.heir (id, value) SELECT i, i FROM generate_series(1, 6000) i; INSERT INTO "
    "public.ruled (id, value) SELECT i, i FROM generate_series(1, 6000) i",
    // For the next time.
    "TRUNCATE public.ruled; TRUNCATE public.refused; INSERT INTO public.ruled (id, value) SELECT "
    "i, "
    "i FROM generate_series(1, 300) i; INSERT INTO public.heir (id, value) SELECT i, i FROM "
    "generate_series(1, 300) i; INSERT INTO public.refused SELECT i, i FROM "
    "generate_series(1, 300) i",
};

struct Ruled {
  Ruled(int old_version, int new_version) : world(old_version, new_version) {
    world.add_schema(ruled_schema);
    world.old_db.open("test").batch(ruled_statements.back());
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
    postgres::Session new_side = world.new_db.open("install");
    postgres::Session old_side = world.old_db.open("install");
    install_capture(new_side, world.tables, world.apply_token, world.install());
    start_position(new_side, old_side, Direction::reverse, world.tables);
  }

  Drain drain(Direction direction) {
    return {world.databases, direction, world.tables, world.apply_token, world.owner, world.log};
  }

  void require_same() {
    postgres::Session old_side = world.old_db.open("check");
    postgres::Session new_side = world.new_db.open("check");
    for (const char* table : ruled_tables) {
      CAPTURE(table);
      CHECK(World::dump(old_side, table) == World::dump(new_side, table));
    }
  }

  void carry(Direction direction) {
    Drain carrying = drain(direction);
    for (const char* sql : ruled_statements) {
      INFO(sql);
      world.databases.at(source(direction)).open("test").batch(sql);
      carrying.run();
      require_same();
    }
  }

  void move(Direction direction) {
    Drain last = drain(direction);
    postgres::Session source = world.databases.at(sync::source(direction)).open("gate");
    last.prepare_finish(world.owner, 100, std::chrono::seconds(90));
    retry(
        world.clock, world.stop, RetryPolicy{.budget = std::chrono::seconds(60)},
        [](const Error& error) { return error.sqlstate() == "55P03"; },
        [&] { close_gate(source, world.tables, world.owner, std::chrono::milliseconds(200)); });
    last.finish([](std::string_view) {}, [] {});
  }

  World world;
};

/// A writer that goes by the rules, and what was acknowledged to it.
class RuledWriter {
 public:
  explicit RuledWriter(const PostgresServer& server) : thread_([&] { run(server); }) {}
  ~RuledWriter() { stop(); }
  void stop() {
    done_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  /// How often row 1 was incremented, which left as many entries in the trail.
  int increments() const { return increments_; }
  std::string failure() const { return failure_; }

 private:
  void run(const PostgresServer& server) {
    try {
      postgres::Session session = server.connect("app", "writer");
      for (int n = 0; !done_; ++n) {
        session.batch(fmt::format(
            "BEGIN; UPDATE public.ruled SET value = value + 1 WHERE id = 1; DELETE FROM "
            "public.ruled WHERE id = {}; INSERT INTO public.refused VALUES ({}, 5000); COMMIT",
            100 + n % 100, 100000 + n));
        ++increments_;
      }
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
  }

  std::atomic<bool> done_{false};
  int increments_ = 0;
  std::string failure_;
  std::thread thread_;
};

std::int64_t number(const Database& database, const std::string& sql) {
  return database.open("check").query(sql).int64(0, 0);
}

}  // namespace

TEST_CASE("what rules make of the application's statements is carried, in both directions") {
  const auto [old_version, new_version] =
      GENERATE(std::pair(15, 17), std::pair(12, 18), std::pair(18, 12));
  CAPTURE(old_version, new_version);
  Ruled ruled(old_version, new_version);
  ruled.require_same();
  ruled.carry(Direction::forward);
  ruled.move(Direction::forward);
  ruled.carry(Direction::reverse);
}

TEST_CASE("a database with rules moves and comes back under load") {
  Ruled ruled(15, 17);
  for (const Direction direction : {Direction::forward, Direction::reverse}) {
    const bool forward = direction == Direction::forward;
    const Database& from = ruled.world.databases.at(source(direction));
    const Database& to = ruled.world.databases.at(target(direction));
    const auto value = "SELECT value FROM ONLY public.ruled WHERE id = 1";
    const auto trail =
        "SELECT count(*) FROM public.trail WHERE what = 'update' AND of = 1 OR what = 'too large'";
    const std::int64_t before = number(from, value);
    const std::int64_t entries = number(from, trail);
    Writers writers(forward ? ruled.world.old_server : ruled.world.new_server, 2);
    RuledWriter writer(forward ? ruled.world.old_server : ruled.world.new_server);
    Drain drain = ruled.drain(direction);
    for (int i = 0; i < 20; ++i) {
      drain.run();
    }
    ruled.move(direction);
    writers.stop();
    writer.stop();
    CHECK(writer.failure().find("is closed by crossover") != std::string::npos);
    CHECK(writer.increments() > 0);
    CHECK(number(to, value) == before + writer.increments());
    CHECK(number(to, trail) >= entries + std::int64_t{2} * writer.increments());
    CHECK(number(to, "SELECT count(*) FROM ONLY public.ruled WHERE id > 0") == 300);
    CHECK(writers.differences(to) == std::vector<std::string>{});
    ruled.require_same();
  }
}

TEST_CASE("rules and triggers that would change what is carried are refused by name") {
  World world(12, 18);
  world.add_schema(ruled_schema);
  postgres::Session old_side = world.old_db.open("test");
  postgres::Session new_side = world.new_db.open("test");
  const auto findings = [&](Finding::Level level) {
    Findings all;
    const Catalogue before = read_catalogue(old_side, {"public"});
    const auto selected = select_tables(before, world.settings, "", all);
    for (Finding& finding :
         compare_structure(before, read_catalogue(new_side, {"public"}), selected)) {
      all.push_back(std::move(finding));
    }
    std::vector<std::string> texts;
    for (const Finding& finding : all) {
      if (finding.level == level && finding.object != "database") {
        texts.push_back(finding.object + " " + finding.text);
      }
    }
    return texts;
  };
  CHECK(findings(Finding::Level::error).empty());
  CHECK(findings(Finding::Level::warning).empty());
  // An UPDATE is nothing that is done to the target.
  new_side.batch("ALTER TABLE public.ruled ENABLE ALWAYS RULE also_update");
  CHECK(findings(Finding::Level::error).empty());
  CHECK(findings(Finding::Level::warning) ==
        std::vector<std::string>{"table public.ruled has other rules in the new database"});
  old_side.batch("ALTER TABLE public.ruled ENABLE REPLICA RULE keep");
  new_side.batch(
      "ALTER TABLE public.refused ENABLE ALWAYS RULE too_large;"
      "ALTER TABLE public.counter ENABLE ALWAYS TRIGGER touch;"
      "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = "
      "'public.tree'::regclass LOOP EXECUTE format('ALTER TABLE public.tree ENABLE ALWAYS TRIGGER "
      "%I', name); END LOOP; END $$;"
      "CREATE TRIGGER late AFTER INSERT ON public.part_2024 FOR EACH ROW EXECUTE FUNCTION "
      "public.touch(); ALTER TABLE public.part_2024 ENABLE REPLICA TRIGGER late");
  const std::string why =
      "database, which is enabled ALWAYS or REPLICA and so would change what is carried there: "
      "enable it as usual, or set the table's policy to skip";
  CHECK(findings(Finding::Level::error) ==
        std::vector<std::string>{"table public.ruled has the rule keep in the old " + why,
                                 "table public.part_2024 has the trigger late in the new " + why,
                                 "table public.refused has the rule too_large in the new " + why,
                                 "table public.tree has the trigger of the foreign key "
                                 "tree_parent_fkey in the new " +
                                     why});
}
