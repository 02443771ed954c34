#include "data-sync/metrics.h"

#include <catch2/catch.hpp>

namespace crossover::data_sync {

TEST_CASE("the page shows what was seen, and nothing that was not", "[data-sync]") {
  FollowMetrics metrics("a \"b\"\\\n", sync::Direction::reverse);
  CHECK(metrics.text() ==
        R"(# HELP crossover_follow_drains_total Drains committed on the target.
# TYPE crossover_follow_drains_total counter
crossover_follow_drains_total{migration="a \"b\"\\\n",direction="reverse"} 0
# HELP crossover_follow_keys_total Changed keys carried to the target.
# TYPE crossover_follow_keys_total counter
crossover_follow_keys_total{migration="a \"b\"\\\n",direction="reverse"} 0
# HELP crossover_follow_rows_total Rows written to the target.
# TYPE crossover_follow_rows_total counter
crossover_follow_rows_total{migration="a \"b\"\\\n",direction="reverse"} 0
# HELP crossover_follow_lock_waits_total Drains that gave way to the application's lock on a table.
# TYPE crossover_follow_lock_waits_total counter
crossover_follow_lock_waits_total{migration="a \"b\"\\\n",direction="reverse"} 0
)");
}

TEST_CASE("drains, waits and looks add up", "[data-sync]") {
  FollowMetrics metrics("test", sync::Direction::forward);
  sync::DrainReport report;
  report.keys = 5;
  report.rows = 4;
  report.duration = std::chrono::microseconds(1500);
  metrics.drained(report, Clock::Wall(std::chrono::seconds(1000)));
  metrics.drained(report, Clock::Wall(std::chrono::milliseconds(2000250)));
  metrics.waited_for_lock();
  metrics.looked(0, 8192);
  const std::string text = metrics.text();
  const std::string labels = R"({migration="test",direction="forward"} )";
  for (const std::string& line :
       {std::string("drains_total") + labels + "2", "keys_total" + labels + "10",
        "rows_total" + labels + "8", "lock_waits_total" + labels + "1",
        "last_drain_timestamp_seconds" + labels + "2000.250",
        "last_drain_duration_seconds" + labels + "0.001500", "lag_entries" + labels + "0",
        "log_bytes" + labels + "8192"}) {
    CHECK_THAT(text, Catch::Matchers::Contains("\ncrossover_follow_" + line + "\n"));
  }
}

}  // namespace crossover::data_sync
