#include "base/parallel.h"

#include <catch2/catch.hpp>
#include <latch>
#include <set>
#include <thread>

#include "base/error.h"

using namespace crossover;

TEST_CASE("workers run at once, each with a number of its own") {
  std::latch all_there(3);
  std::mutex mutex;
  std::set<unsigned> numbers;
  run_parallel(3, [&](unsigned worker, const GivenUp&) {
    all_there.arrive_and_wait();  // would wait for ever if they came one after another
    const std::lock_guard lock(mutex);
    numbers.insert(worker);
  });
  CHECK(numbers == std::set<unsigned>{0, 1, 2});
}

TEST_CASE("the first failure ends the others and is thrown when they have ended") {
  std::atomic<int> ended = 0;
  const auto run = [&](unsigned failing) {
    std::atomic<int> begun = 0;
    run_parallel(3, [&](unsigned worker, const GivenUp& given_up) {
      ++begun;
      if (worker == failing) {
        while (begun < 3) {  // who has not begun by then does not
          std::this_thread::yield();
        }
        throw Error(ErrorKind::conflict, "unable to copy 'a': no");
      }
      while (!given_up) {
        std::this_thread::yield();
      }
      ++ended;
      throw Error(ErrorKind::cancelled, "given up");
    });
  };
  CHECK_THROWS_WITH(run(0), "unable to copy 'a': no");
  CHECK_THROWS_WITH(run(2), "unable to copy 'a': no");
  CHECK(ended == 4);
}

TEST_CASE("one worker is the caller itself") {
  const auto caller = std::this_thread::get_id();
  run_parallel(1, [&](unsigned, const GivenUp&) { CHECK(std::this_thread::get_id() == caller); });
}
