// There and back three times, days apart, by the programs; then nothing is left of it.
#include "http/client.h"
#include "integration/db-provision/story.h"

namespace crossover::test {
namespace {

using nlohmann::json;
using sync::Side;

/// The first drain takes note of what stands in the log and is carried; days later it may go.
constexpr const char* days_pass =
    "follow-drained#4:days,follow-drained#7:days,follow-drained#10:days";

std::int64_t newest_transaction(Service& service, Side side) {
  return service.number(side, "SELECT txid_current()");
}

std::int64_t logged_before(Service& service, Side side, std::int64_t transaction) {
  return service.number(
      side, fmt::format("SELECT count(*) FROM (SELECT txid FROM crossover.log_1 UNION ALL "
                        "SELECT txid FROM crossover.log_2) AS l WHERE txid < {}",
                        transaction));
}

std::string metrics(const Story& story) {
  http::Request request;
  request.url = fmt::format("http://127.0.0.1:{}/metrics", story.metrics_port());
  return http::make_client({})->send(request).body;
}

// What `data-sync status` and `route-switch status` say while the service is there.
void check_statuses(Story& story, Side live) {
  const auto side = [&](Side which) {
    return json{{"phase", live == Side::new_side ? "switched" : "following"},
                {"gate", which == live ? "open" : "closed"},
                {"capture", true}};
  };
  CHECK(story.data_sync(0, {"status"})["report"] ==
        json{{"old", side(Side::old_side)}, {"new", side(Side::new_side)}});
  const json status = story.site().run(0, {"status"});
  CHECK(status["report"]["live"] == sync::name(live));
  CHECK(check_named(status, "lag")["outcome"] == "pass");
}

// Ends because a switch has taken over what it did, and says so.
void check_taken_over(const process::Outcome& follower) {
  INFO(follower.err);
  CHECK(follower.exit_code == 5);
  CHECK(message(json::parse(follower.out)) ==
        "unable to drain: another process has become the drainer of this migration");
}

/// The service has moved to `live` and lives there for some days, followed by the other side.
void live_for_days(Story& story, Side live) {
  Service& service = story.service();
  const std::string direction = live == Side::new_side ? "reverse" : "forward";
  const std::vector<std::string> reverse =
      live == Side::new_side ? std::vector<std::string>{"--reverse"} : std::vector<std::string>{};
  story.written();
  const std::int64_t arrived = newest_transaction(service, live);
  CHECK(logged_before(service, live, arrived) >= 60);
  auto follower = story.follow(reverse, days_pass);
  CHECK(left_after_a_moment([&] { return logged_before(service, live, arrived); }) == 0);
  CHECK(metrics(story).find(fmt::format(
            "\ncrossover_follow_lag_entries{{migration=\"registry\",direction=\"{}\"}} ",
            direction)) != std::string::npos);
  story.written();
  std::vector<std::string> verify = {"verify"};
  verify.insert(verify.end(), reverse.begin(), reverse.end());
  CHECK(story.data_sync(0, verify)["checks"].size() == 2);
  check_statuses(story, live);
  // What is not carried yet is kept, however long that takes.
  CHECK(story.site().run(0, {verb_to(sync::other(live))})["changed"] == true);
  check_taken_over(follower.get());
}

std::vector<std::string> verbs(const json& evidence) {
  std::vector<std::string> found;
  for (const json& entry : evidence) {
    found.push_back(entry["verb"].get<std::string>() + " " + entry["outcome"].get<std::string>());
  }
  return found;
}

TEST_CASE("three switches and rollbacks by the programs, days apart, and nothing is left of them") {
  Story story;
  story.written();
  CHECK(story.data_sync(0, {"start"})["changed"] == true);
  CHECK(story.data_sync(0, {"start", "--reverse"})["changed"] == true);
  CHECK(story.data_sync(0, {"start", "--reverse"})["changed"] == false);
  CHECK(story.data_sync(0, {"verify"})["checks"].size() == 2);
  auto follower = story.follow({});
  story.written();
  CHECK(story.site().run(0, {"switch"})["changed"] == true);
  check_taken_over(follower.get());
  std::vector<std::string> expected = {"start done", "start done", "switch done"};
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    live_for_days(story, Side::new_side);
    expected.emplace_back("rollback done");
    if (round < 2) {
      live_for_days(story, Side::old_side);
      expected.emplace_back("switch done");
    }
  }
  story.written();
  CHECK(story.data_sync(0, {"finish"})["changed"] == true);
  CHECK(story.data_sync(0, {"finish"})["changed"] == false);
  expected.emplace_back("finish done");
  CHECK(story.data_sync(0, {"remove", "--open-closed-side"})["changed"] == true);
  CHECK(story.data_sync(0, {"remove", "--open-closed-side"})["changed"] == false);
  story.written();
  story.end_load(Side::old_side);
  CHECK(story.catalogues() == story.before());
  const json evidence =
      json::parse(files::read(story.site().folder() / "crossover-registry-evidence.json"));
  CHECK(verbs(evidence["old"]) == expected);
  CHECK(verbs(evidence["new"]) == expected);
}

}  // namespace
}  // namespace crossover::test
