// The table of claims, by which several processes share one copy.
#include "sync/copy_pieces.h"

#include <catch2/catch.hpp>
#include <optional>

#include "fixtures/error_of.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

/// A copy of three pieces.
struct Listed {
  Listed() {
    world.start(Direction::forward);
    publish_pieces(
        target, world.owner,
        {{.table_id = 2, .range = PageRange{event, 0, 64}, .exported = "snapshot"},
         {.table_id = 2, .range = PageRange{event, 64, std::nullopt}, .exported = "snapshot"},
         {.table_id = 1}});
  }
  TableName event{"public", "event"};
  World world{15, 17};
  postgres::Session target = world.new_db.open("test");
  postgres::Session other = world.new_db.open("test");
};

}  // namespace

TEST_CASE("a piece is claimed by one, and free again when that one is lost") {
  Listed listed;
  const std::string& owner = listed.world.owner;
  {
    postgres::Transaction first(listed.target);
    const auto claimed = claim_piece(listed.target, owner);
    REQUIRE(claimed);
    CHECK(claimed->table_id == 2);
    CHECK(claimed->range == PageRange{listed.event, 0, 64});
    CHECK(claimed->exported == "snapshot");
    postgres::Transaction second(listed.other);
    const auto next = claim_piece(listed.other, owner);
    REQUIRE(next);
    CHECK(next->range == PageRange{listed.event, 64, std::nullopt});
    mark_done(listed.other, *next, {.rows = 5, .bytes = 50});
    second.commit();
  }
  postgres::Transaction again(listed.other);
  CHECK(claim_piece(listed.other, owner)->range == PageRange{listed.event, 0, 64});
  const auto whole = claim_piece(listed.target, owner);
  REQUIRE(whole);
  CHECK(whole->table_id == 1);
  CHECK_FALSE(whole->range);
}

TEST_CASE("what is done is counted, and what is claimed is not done") {
  Listed listed;
  const std::string& owner = listed.world.owner;
  CHECK(pieces_published(listed.target, owner));
  for (std::uint64_t rows : {3, 4}) {
    postgres::Transaction transaction(listed.target);
    const auto claimed = claim_piece(listed.target, owner);
    CHECK(pieces_left(listed.other, 2));
    mark_done(listed.target, *claimed, {.rows = rows, .bytes = 10});
    transaction.commit();
  }
  CHECK_FALSE(pieces_left(listed.target, 2));
  CHECK(pieces_left(listed.target, 1));
  CHECK(pieces_left(listed.target));
  CHECK(copied_size(listed.target, 2).rows == 7);
  CHECK(copied_size(listed.target).bytes == 20);
  forget_pieces(listed.target);
  CHECK(pieces_left(listed.target));
  {
    postgres::Transaction transaction(listed.target);
    mark_done(listed.target, *claim_piece(listed.target, owner), {.rows = 1, .bytes = 10});
    transaction.commit();
  }
  CHECK_FALSE(pieces_left(listed.target));
  CHECK(pieces_listed(listed.target));
  forget_pieces(listed.target);
  CHECK_FALSE(pieces_listed(listed.target));
  CHECK_FALSE(pieces_published(listed.target, owner));
}

TEST_CASE("the pieces of one copy are nothing to another") {
  Listed listed;
  CHECK_FALSE(pieces_published(listed.target, "another"));
  {
    postgres::Transaction transaction(listed.target);
    CHECK_FALSE(claim_piece(listed.target, "another"));
  }
  const Error error =
      error_of([&] { publish_pieces(listed.target, "another", {{.table_id = 1}}); });
  CHECK(error.kind() == ErrorKind::locked);
  take_owner(listed.target, "another");
  publish_pieces(listed.target, "another", {{.table_id = 3}});
  CHECK_FALSE(pieces_published(listed.target, listed.world.owner));
  postgres::Transaction transaction(listed.target);
  CHECK(claim_piece(listed.target, "another")->table_id == 3);
}
