#include <catch2/catch.hpp>

#include "base/error.h"
#include "fixtures/postgres/server.h"
#include "fixtures/proxy/tcp_proxy.h"
#include "postgres/session.h"

using namespace crossover;
using namespace crossover::test;
using postgres::Session;
using postgres::Transaction;

namespace {

std::int64_t rows(const PostgresServer& server) {
  return server.connect().query("SELECT count(*) FROM public.t").int64(0, 0);
}

Error commit_error(Transaction& transaction) {
  try {
    transaction.commit();
  } catch (const Error& error) {
    return error;
  }
  FAIL("the commit succeeded");
  throw std::logic_error("unreachable");
}

}  // namespace

TEST_CASE("a transaction ends as it was told") {
  PostgresServer server(GENERATE(12, 15, 17, 18));
  Session session = server.connect();
  session.batch("CREATE TABLE public.t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)");

  SECTION("committed") {
    Transaction transaction(session, "ISOLATION LEVEL REPEATABLE READ");
    CHECK(session.in_transaction());
    CHECK(session.query("SHOW transaction_isolation").text(0, 0) == "repeatable read");
    session.query("INSERT INTO public.t VALUES (1)");
    transaction.commit_with("INSERT INTO public.t VALUES (2)");
    CHECK_FALSE(session.in_transaction());
    CHECK(rows(server) == 2);
  }
  SECTION("rolled back when it is left") {
    {
      const Transaction transaction(session);
      session.query("INSERT INTO public.t VALUES (1)");
    }
    CHECK_FALSE(session.in_transaction());
    CHECK(rows(server) == 0);
  }
  SECTION("a commit that can only roll back is an error") {
    Transaction transaction(session);
    session.query("INSERT INTO public.t VALUES (1)");
    CHECK_THROWS_AS(session.query("SELECT 1/0"), Error);
    CHECK(session.in_failed_transaction());
    const Error error = commit_error(transaction);
    CHECK(error.message() == "unable to commit on '" + session.name() +
                                 "': an earlier statement had failed, so the server rolled back");
    CHECK(error.sqlstate() == "25P02");
    CHECK(rows(server) == 0);
  }
  SECTION("a commit that the server refuses is no doubt") {
    Transaction transaction(session);
    session.batch("INSERT INTO public.t VALUES (1); INSERT INTO public.t VALUES (1)");
    CHECK(commit_error(transaction).sqlstate() == "23505");
    CHECK(rows(server) == 0);
  }
}

TEST_CASE("a commit whose answer is lost is in doubt") {
  PostgresServer server(17);
  server.connect().batch("CREATE TABLE public.t (a int)");
  TcpProxy proxy(server.port());
  auto options = server.options();
  options.port = proxy.port();
  Session session(options);
  const auto delivery = GENERATE(TcpProxy::Delivery::withheld, TcpProxy::Delivery::answered);
  {
    Transaction transaction(session);
    session.query("INSERT INTO public.t VALUES (1)");
    proxy.cut_at("COMMIT", delivery);
    const Error error = commit_error(transaction);
    CHECK(error.message() == "unable to commit on '" + session.name() +
                                 "': the connection was lost before the answer came, so it is in "
                                 "doubt whether the transaction was committed");
    CHECK(error.hint() == "look at the data before anything is repeated");
    CHECK(error.sqlstate() == "08007");
  }
  REQUIRE(proxy.wait_for_cut(std::chrono::seconds(5)));
  // The same error, both ends: that is why it is never repeated.
  CHECK(rows(server) == (delivery == TcpProxy::Delivery::answered ? 1 : 0));
}

TEST_CASE("of a transaction that only read nothing is in doubt") {
  PostgresServer server(17);
  TcpProxy proxy(server.port());
  auto options = server.options();
  options.port = proxy.port();
  Session session(options);
  Transaction transaction(session, postgres::one_snapshot);
  session.query("SELECT 1");
  proxy.cut_at("COMMIT", TcpProxy::Delivery::answered);
  const Error error = commit_error(transaction);
  CHECK(error.message() == "unable to run a statement on '" + session.name() +
                               "': server closed the connection unexpectedly");
  CHECK(error.sqlstate() == "08006");
}

TEST_CASE("what was surely not committed is not called in doubt") {
  PostgresServer server(17);
  server.connect().batch("CREATE TABLE public.t (a int)");
  Session session = server.connect();
  Transaction transaction(session);
  session.query("INSERT INTO public.t VALUES (1)");
  SECTION("the connection was known to be lost") {
    server.crash();
    CHECK_THROWS_AS(session.query("SELECT 1"), Error);
    const Error error = commit_error(transaction);
    CHECK(error.message() ==
          "unable to commit on '" + session.name() + "': the connection is lost");
    CHECK(error.sqlstate() == "08003");
  }
  SECTION("the server had given up waiting for us") {
    session.batch("SET LOCAL idle_in_transaction_session_timeout = '20ms'");
    Session watcher = server.connect();
    while (watcher
               .query("SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int",
                      {std::to_string(session.backend_pid())})
               .int64(0, 0) != 0) {
    }
    const Error error = commit_error(transaction);
    CHECK(error.sqlstate() == "25P03");
    CHECK(error.kind() == ErrorKind::timeout);
    CHECK(rows(server) == 0);
  }
}
