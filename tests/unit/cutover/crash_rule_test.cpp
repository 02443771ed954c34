#include "cutover/crash_rule.h"

#include <catch2/catch.hpp>

namespace crossover::cutover {
namespace {

using sync::GateState;

SideFacts side(GateState gate, std::optional<Side> moving_to = std::nullopt) {
  SideFacts facts;
  facts.reachable = true;
  facts.in_migration = gate != GateState::absent;
  facts.gate = gate;
  facts.moving_to = moving_to;
  return facts;
}

SideFacts unreachable() {
  SideFacts facts;
  facts.problem = "connection refused";
  return facts;
}

std::string decide(const Facts& facts, std::optional<Side> initial = std::nullopt) {
  const Verdict verdict = crash_rule(facts, initial);
  switch (verdict.kind) {
    case Verdict::Kind::serve:
      return "serve " + std::string(sync::name(verdict.side));
    case Verdict::Kind::reopen:
      return "reopen " + std::string(sync::name(verdict.side));
    case Verdict::Kind::wait:
      break;
  }
  return "wait: " + verdict.reason;
}

TEST_CASE("the one open gate says where the service lives") {
  CHECK(decide({side(GateState::open), side(GateState::closed)}) == "serve old");
  CHECK(decide({side(GateState::closed), side(GateState::open)}) == "serve new");
  CHECK(decide({side(GateState::open), side(GateState::absent)}) == "serve old");
}

TEST_CASE("an open gate is enough when the other side can't be reached") {
  CHECK(decide({unreachable(), side(GateState::open)}) == "serve new");
  CHECK(decide({side(GateState::open, Side::new_side), unreachable()}) == "serve old");
}

TEST_CASE("a move that had not committed is undone, in either direction") {
  CHECK(decide({side(GateState::closed, Side::new_side),
                side(GateState::closed, Side::new_side)}) == "reopen old");
  CHECK(decide({side(GateState::closed, Side::old_side),
                side(GateState::closed, Side::old_side)}) == "reopen new");
}

TEST_CASE("a move whose target lacks even the record is undone: the side that is left says it") {
  CHECK(decide({side(GateState::closed, Side::new_side), side(GateState::closed)}) == "reopen old");
  CHECK(decide({side(GateState::closed), side(GateState::closed, Side::old_side)}) == "reopen new");
}

TEST_CASE("both closed and nothing under way is a person's to decide, who is told how") {
  const std::optional<Side> none;
  for (const auto& [old_says, new_says] :
       {std::pair(none, none), std::pair(none, std::optional(Side::new_side)),
        std::pair(std::optional(Side::old_side), none),
        std::pair(std::optional(Side::new_side), std::optional(Side::old_side))}) {
    const Facts facts{side(GateState::closed, old_says), side(GateState::closed, new_says)};
    CHECK(is_stranded(facts));
    CHECK(crash_rule(facts, std::nullopt).text() ==
          "the gates of both databases are closed and no switch is under way; the database where "
          "the service lived has failed over to a replica, or was restored, without the opening of "
          "its gate; to go on with the other one run `route-switch rollback` if that is the old "
          "one, `route-switch switch` if it is the new one");
  }
  CHECK_FALSE(is_stranded({side(GateState::closed), unreachable()}));
  CHECK_FALSE(is_stranded({side(GateState::closed), side(GateState::open)}));
}

TEST_CASE("a move that had committed goes forward") {
  CHECK(decide({side(GateState::closed, Side::new_side), side(GateState::open, Side::new_side)}) ==
        "serve new");
}

TEST_CASE("nothing is decided without the side whose gate may be the open one") {
  CHECK(decide({side(GateState::closed, Side::new_side), unreachable()}) ==
        "wait: the new database is unreachable: connection refused");
  CHECK(decide({unreachable(), side(GateState::closed, Side::new_side)}) ==
        "wait: the old database is unreachable: connection refused");
  CHECK(decide({unreachable(), unreachable()}) ==
        "wait: the new database is unreachable: connection refused");
}

TEST_CASE("contradictions are said and left as they are") {
  CHECK(decide({side(GateState::open), side(GateState::open)}) ==
        "wait: the gates of both databases are open");
  CHECK(decide({side(GateState::closed), side(GateState::closed)}) ==
        "wait: the gates of both databases are closed and no switch is under way");
  CHECK(decide({side(GateState::mixed), side(GateState::closed)}) ==
        "wait: the gate of the old database is mixed, that of the new one closed");
}

TEST_CASE("without gates the service lives where it lived, if anybody has said where") {
  const Facts facts{side(GateState::absent), side(GateState::absent)};
  CHECK(decide(facts) == "wait: neither database has a gate");
  CHECK(decide(facts, Side::old_side) == "serve old");
  CHECK(decide({side(GateState::absent), side(GateState::closed)}) == "serve old");
  CHECK(decide({side(GateState::closed), side(GateState::absent)}) == "serve new");
}

TEST_CASE("a new database that was given up decides nothing any more") {
  for (const GateState gate : {GateState::open, GateState::closed}) {
    SideFacts old_side = side(GateState::open);
    old_side.other_abandoned = true;
    CHECK(decide({old_side, side(gate)}) == "serve old");
    CHECK(decide({old_side, unreachable()}) == "serve old");
    old_side.gate = GateState::closed;
    CHECK(decide({old_side, side(gate)}) == "reopen old");
    CHECK(decide({old_side, unreachable()}) == "reopen old");
  }
}

}  // namespace
}  // namespace crossover::cutover
