#include "cli/screen.h"

#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

#include "cli/ci_outputs.h"
#include "cli/screen_log.h"
#include "cli/screen_progress.h"
#include "cli/table.h"
#include "files/descriptor.h"

using namespace crossover;
using namespace std::chrono_literals;

namespace {

/// A screen whose output can be read back.
class Page {
 public:
  explicit Page(bool terminal) : ends_(make()), screen(ends_[1].get(), terminal) {}
  std::string taken() {
    ends_[1].close();
    std::string text(65536, '\0');
    text.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::read(ends_[0].get(), text.data(), text.size()))));
    return text;
  }

 private:
  static std::array<files::Descriptor, 2> make() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    return {files::Descriptor(ends[0]), files::Descriptor(ends[1])};
  }
  std::array<files::Descriptor, 2> ends_;

 public:
  cli::Screen screen;
};

class ManualClock final : public Clock {
 public:
  Monotonic now() const override { return Monotonic(elapsed); }
  Wall wall() const override { return Wall(); }
  void sleep(Duration /*duration*/) const override {}
  std::chrono::nanoseconds elapsed{0};
};

}  // namespace

TEST_CASE("a line makes room for the bottom line of a terminal and puts it back") {
  Page page(true);
  page.screen.set_bottom("[##  ] 50 %");
  page.screen.print("a line\n");
  page.screen.set_bottom({});
  CHECK(page.taken() == "\r\x1b[K[##  ] 50 %\r\x1b[Ka line\n[##  ] 50 %\r\x1b[K");
}

TEST_CASE("elsewhere there is no bottom line, and log lines bear time and level") {
  Page page(false);
  page.screen.set_bottom("bar");
  const auto log = cli::make_log(page.screen, "info", false);
  log->debug("unseen");
  log->info("rows {}", 3);
  const std::string text = page.taken();
  CHECK_THAT(text, Catch::Matches(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info rows 3\n)"));
}

TEST_CASE("progress says how much, how fast and how long still") {
  CHECK(cli::progress_line({"copy public.profile", "rows", 200000, 120000, 5s}) ==
        "copy public.profile: 120,000 of 200,000 rows, 60 %, 24,000 rows/s, 3 s left");
  CHECK(cli::progress_line({"read", "bytes", 0, 3 << 20, 2s}) == "read: 3.0 MiB, 1.5 MiB/s");
  CHECK(cli::progress_line({"read", "rows", 10, 0, 0s}) == "read: 0 of 10 rows, 0 %");
  CHECK_THAT(cli::progress_bar({"x", "rows", 4, 1, 0s}, 8), Catch::StartsWith("[##      ] x: 1"));
}

TEST_CASE("elsewhere than on a terminal progress is a line every five seconds") {
  Page page(false);
  ManualClock clock;
  const auto log = cli::make_log(page.screen, "info", false);
  cli::ScreenProgress progress(page.screen, *log, clock);
  progress.start("copy", 100, "rows");
  for (int second = 0; second < 12; ++second) {
    clock.elapsed += 1s;
    progress.add(1);
  }
  progress.finish();
  const std::string text = page.taken();
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK_THAT(text, Catch::Contains("copy: 5 of 100 rows, 5 %, 1 rows/s, 95 s left"));
}

TEST_CASE("tables are aligned by what is seen, and data can't steer the terminal") {
  CHECK(cli::aligned({"", {"name", "empty", "value"}, {{"é", "", "1"}, {"\x1b[31m", "", "22"}}}) ==
        "NAME   VALUE\n"
        "é      1\n"
        "?[31m  22\n");
  CHECK(cli::markdown({"", {"a", "b"}, {{"x|y", "<z>"}}}) ==
        "| a | b |\n|---|---|\n| x\\|y | \\<z> |\n");
}

TEST_CASE("an annotation stays one command") {
  CHECK(cli::github_annotation("a:b", "50% of\nall") == "::error title=a%3Ab::50%25 of%0Aall\n");
}
