// Statements, COPY, pipelines and cancelling against real servers.
#include "postgres/session.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include "base/error.h"
#include "fixtures/error_of.h"
#include "fixtures/postgres/server.h"
#include "fixtures/proxy/tcp_proxy.h"

using namespace crossover;
using namespace crossover::test;
using postgres::Rows;
using postgres::Session;

namespace {

/// One server per version for all sections of a test, each of which runs the test case anew.
PostgresServer& shared_server(int version) {
  static std::map<int, std::unique_ptr<PostgresServer>> servers;
  auto& server = servers[version];
  if (!server) server = std::make_unique<PostgresServer>(version);
  return *server;
}

std::string failed(const Session& session, const std::string& cause) {
  return "unable to run a statement on '" + session.name() + "': " + cause;
}

}  // namespace

TEST_CASE("a session runs statements on every supported server") {
  const int version = GENERATE(12, 13, 14, 15, 16, 17, 18);
  PostgresServer server(version);
  Session session = server.connect();
  CHECK(session.server_version() / 10000 == version);
  const Rows rows =
      session.query("SELECT $1::int + 1 AS sum, $2::text, NULL, true", {"41", std::nullopt});
  REQUIRE(rows.size() == 1);
  CHECK(rows.int64(0, 0) == 42);
  CHECK(rows.is_null(0, 1));
  CHECK(rows.value(0, 2) == std::nullopt);
  CHECK(rows.boolean(0, 3));
  CHECK(rows.column_name(0) == "sum");
  CHECK_THROWS_AS(rows.text(1, 0), std::out_of_range);
  CHECK(error_of([&] { rows.int64(0, 1); }).message() ==
        "unable to read 'text': the server sent no integer for it");
}

TEST_CASE("what a session can do") {
  PostgresServer& server = shared_server(GENERATE(12, 15, 17, 18));
  Session session = server.connect();
  session.batch(
      "DROP TABLE IF EXISTS public.t, public.u; CREATE TABLE public.t (id int PRIMARY KEY, name "
      "text)");

  SECTION("a failed statement keeps SQLSTATE, message and detail, and shows no statement") {
    session.query("INSERT INTO public.t VALUES (1, $1)", {"secret-canary"});
    const Error error =
        error_of([&] { session.query("INSERT INTO public.t VALUES (1, $1)", {"secret-canary"}); });
    CHECK(error.message() ==
          failed(session,
                 "duplicate key value violates unique constraint \"t_pkey\" (Key (id)=(1) "
                 "already exists)"));
    CHECK(error.sqlstate() == "23505");
    CHECK(error.kind() == ErrorKind::failure);
    CHECK_FALSE(session.broken());
  }

  SECTION("a batch is one implicit transaction and stops at its first error") {
    const Error error = error_of([&] {
      session.batch(
          "INSERT INTO public.t VALUES (1, 'a'); SELECT 1/0; INSERT INTO nowhere VALUES (1)");
    });
    CHECK(error.message() == failed(session, "division by zero"));
    CHECK(error.sqlstate() == "22012");
    CHECK(session.batch_last("SELECT 1; SELECT count(*) FROM public.t").int64(0, 0) == 0);
  }

  SECTION("prepared statements") {
    session.prepare("add", "INSERT INTO public.t VALUES ($1, $2)");
    CHECK(session.execute_prepared("add", {"7", "seven"}).affected() == 1);
    const auto results = session.pipeline(
        {{.params = {"8", "eight"}, .prepared = "add"}, {.sql = "SELECT count(*) FROM public.t"}});
    CHECK(results.at(1).int64(0, 0) == 2);
  }

  SECTION("a pipeline larger than all socket buffers ends") {
    std::vector<postgres::Statement> statements;
    const std::string wide(10000, 'x');
    for (int i = 0; i < 2000; ++i) {
      statements.push_back(
          {.sql = "SELECT $1::text, $2::int", .params = {wide, std::to_string(i)}});
    }
    const auto results = session.pipeline(statements);
    REQUIRE(results.size() == 2000);
    CHECK(results.at(1999).int64(0, 1) == 1999);
    CHECK(results.at(0).text(0, 0).size() == 10000);
  }

  SECTION("a pipeline that fails says where, undoes all, and the session goes on") {
    const Error error = error_of([&] {
      session.pipeline({{.sql = "INSERT INTO public.t VALUES (1, 'a')"},
                        {.sql = "SELECT 1/$1::int", .params = {"0"}},
                        {.sql = "INSERT INTO public.t VALUES (2, 'b')"}});
    });
    CHECK(error.text() == "statement 2: " + failed(session, "division by zero"));
    CHECK(session.query("SELECT count(*) FROM public.t").int64(0, 0) == 0);
  }

  SECTION("copy, text and binary, from one session to another") {
    const std::string format = GENERATE("text", "binary");
    session.batch(
        "INSERT INTO public.t SELECT i, repeat('x', i % 50) FROM generate_series(1, 5000) i;"
        "CREATE TABLE public.u (LIKE public.t)");
    Session writer = server.connect();
    postgres::CopyOut out = session.copy_out("COPY public.t TO STDOUT (FORMAT " + format + ")");
    postgres::CopyIn in = writer.copy_in("COPY public.u FROM STDIN (FORMAT " + format + ")");
    std::string_view chunk;
    while (out.read(chunk)) in.write(chunk);
    CHECK(in.finish() == 5000);
    CHECK(out.rows() == 5000);
    CHECK(session
              .query("SELECT count(*) FROM public.t FULL JOIN public.u USING (id, name)"
                     " WHERE t IS NULL OR u IS NULL OR t::text <> u::text")
              .int64(0, 0) == 0);
  }

  SECTION("a copy that is given up leaves nothing and a session of use") {
    {
      postgres::CopyIn in = session.copy_in("COPY public.t FROM STDIN");
      in.write("1\ta\n");
      const Error busy = error_of([&] { session.query("SELECT 1"); });
      CHECK(busy.message() == failed(session, "a copy is in progress in this session"));
    }
    CHECK(session.query("SELECT count(*) FROM public.t").int64(0, 0) == 0);
    {
      postgres::CopyOut out = session.copy_out(
          "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 10000000)) TO STDOUT");
      std::string_view chunk;
      CHECK(out.read(chunk));
    }
    CHECK(session.query("SELECT 1").int64(0, 0) == 1);
  }

  SECTION("a copy where none is expected") {
    const std::string sql = GENERATE("COPY public.t TO STDOUT", "COPY public.t FROM STDIN");
    const Error error = error_of([&] { session.batch(sql); });
    CHECK(error.message() == failed(session, "a copy was started where none is expected"));
    CHECK(error_of([&] { session.copy_out("SELECT 1"); }).message() ==
          failed(session, "it started no copy"));
    CHECK(session.query("SELECT 1").int64(0, 0) == 1);
  }

  SECTION("a copy of bad rows fails with the server's words") {
    postgres::CopyIn in = session.copy_in("COPY public.t FROM STDIN");
    in.write("one\ta\n");
    const Error error = error_of([&] { in.finish(); });
    CHECK(error.message() == failed(session, "invalid input syntax for type integer: \"one\""));
    CHECK(error.sqlstate() == "22P02");
    CHECK(session.query("SELECT 1").int64(0, 0) == 1);
  }

  SECTION("a copy that fails half-way on the way out") {
    postgres::CopyOut out =
        session.copy_out("COPY (SELECT 100 / (500 - i) FROM generate_series(1, 1000) i) TO STDOUT");
    const Error error = error_of([&] {
      std::string_view chunk;
      while (out.read(chunk)) {
      }
    });
    CHECK(error.message() == failed(session, "division by zero"));
    CHECK(session.query("SELECT 1").int64(0, 0) == 1);
  }

  SECTION("another thread cancels") {
    const postgres::Canceller canceller = session.canceller();
    std::thread other([&] {
      Session watcher = server.connect();
      const std::string pid = std::to_string(session.backend_pid());
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (watcher.query("SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int AND"
                           " wait_event = 'PgSleep'",
                           {pid})
                     .int64(0, 0) == 0 &&
             std::chrono::steady_clock::now() < deadline) {
      }
      canceller.cancel();
    });
    const Error error = error_of([&] { session.query("SELECT pg_sleep(60)"); });
    other.join();
    CHECK(error.message() == failed(session, "canceling statement due to user request"));
    CHECK(error.sqlstate() == "57014");
    CHECK(error.kind() == ErrorKind::timeout);
    CHECK(session.query("SELECT 1").int64(0, 0) == 1);
  }

  SECTION("a lock that is not to be had in time") {
    Session holder = server.connect();
    holder.batch("BEGIN; LOCK TABLE public.t");
    const Error error =
        error_of([&] { session.batch("SET lock_timeout = '10ms'; LOCK TABLE public.t"); });
    CHECK(error.message() == failed(session, "canceling statement due to lock timeout"));
    CHECK(error.sqlstate() == "55P03");
    CHECK(error.kind() == ErrorKind::timeout);
  }
}

TEST_CASE("a lost connection is known as such") {
  PostgresServer server(17);
  SECTION("cut by the network") {
    TcpProxy proxy(server.port());
    auto options = server.options();
    options.port = proxy.port();
    Session session(options);
    proxy.cut();
    const Error error = error_of([&] { session.query("SELECT 1"); });
    CHECK(error.sqlstate() == "08006");
    CHECK(error.message() == failed(session, "server closed the connection unexpectedly"));
    CHECK(session.broken());
  }
  SECTION("ended from our side, where nothing answers any more") {
    TcpProxy proxy(server.port());
    auto options = server.options();
    options.port = proxy.port();
    Session session(options);
    const postgres::Canceller canceller = session.canceller();
    proxy.stall();
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      canceller.cut_off();
    });
    const Error error = error_of([&] { session.query("SELECT 1"); });
    other.join();
    CHECK(error.sqlstate() == "08006");
    CHECK(error.message() == failed(session, "server closed the connection unexpectedly"));
    CHECK(session.broken());
  }
  SECTION("ended by the administrator") {
    Session session = server.connect();
    server.connect().query("SELECT pg_terminate_backend($1::int)",
                           {std::to_string(session.backend_pid())});
    const Error error = error_of([&] { session.query("SELECT 1"); });
    CHECK(error.message() ==
          failed(session, "terminating connection due to administrator command"));
    CHECK(error.sqlstate() == "57P01");
    CHECK(session.broken());
  }
  SECTION("with the whole server, which says farewell to nobody") {
    Session session = server.connect();
    server.restart(PostgresServer::Stop::immediate);
    const Error error = error_of([&] {
      // So much that sending fails before anything is read.
      session.pipeline({{.sql = "SELECT $1::text", .params = {std::string(4000000, 'x')}}});
    });
    CHECK(error.message() == failed(session, "server closed the connection unexpectedly"));
    CHECK(error.sqlstate() == "08006");
    CHECK(session.broken());
  }
  SECTION("during a pipeline") {
    TcpProxy proxy(server.port());
    auto options = server.options();
    options.port = proxy.port();
    Session session(options);
    proxy.cut_at("needle", TcpProxy::Delivery::withheld);
    const Error error = error_of([&] {
      session.pipeline({{.sql = "SELECT 1"}, {.sql = "SELECT $1::text", .params = {"needle"}}});
    });
    CHECK(error.sqlstate() == "08006");
    CHECK(session.broken());
  }
}

TEST_CASE("a half-open connection is given up after tcp_user_timeout") {
  PostgresServer server(17);
  TcpProxy proxy(server.port());
  auto options = server.options();
  options.port = proxy.port();
  options.tcp_user_timeout = std::chrono::seconds(1);
  Session session(options);
  proxy.swallow();
  const auto begin = std::chrono::steady_clock::now();
  const Error error = error_of([&] { session.query("SELECT 1"); });
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(4));
  CHECK(error.message() ==
        failed(session, "could not receive data from server: Connection timed out"));
  CHECK(error.sqlstate() == "08006");
  CHECK(session.broken());
}

TEST_CASE("a copy bears with a server that takes nothing in for as long as it is told") {
  PostgresServer server(17);
  server.connect().batch("CREATE TABLE public.t (a text)");
  TcpProxy proxy(server.port());
  auto options = server.options();
  options.port = proxy.port();
  options.tcp_user_timeout = std::chrono::milliseconds(500);
  Session session(options);
  const std::string line(1000, 'x');
  // Through a network that stands still for 1 s, more than all the buffers on the way hold.
  const auto copy = [&](std::chrono::milliseconds patience) {
    postgres::CopyIn in = session.copy_in("COPY public.t FROM STDIN", patience);
    proxy.stall();
    std::thread network([&] {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      proxy.resume();
    });
    const auto joined = [&] { network.join(); };
    try {
      for (int i = 0; i < 20000; ++i) in.write(line + "\n");
    } catch (const Error&) {
      joined();
      throw;
    }
    joined();
    return in.finish();
  };
  SECTION("patiently") {
    CHECK(copy(std::chrono::seconds(30)) == 20000);
    // Only so long as the copy lasts.
    proxy.swallow();
    const auto begin = std::chrono::steady_clock::now();
    CHECK(error_of([&] { session.query("SELECT 1"); }).sqlstate() == "08006");
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(4));
  }
  SECTION("without patience") {
    CHECK(error_of([&] { copy({}); }).sqlstate() == "08006");
  }
}
