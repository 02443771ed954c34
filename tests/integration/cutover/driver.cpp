// A process of its own that switches or guards, so that tests can kill and stop it.
//   cutover_driver switch old|new OLD_PORT NEW_PORT POOLER...
//   cutover_driver guard          OLD_PORT NEW_PORT POOLER
// POOLER is CONSOLE_PORT:OLD_PORT:NEW_PORT:FOLDER, with where it leads to.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <span>

#include "base/error.h"
#include "base/stop.h"
#include "cutover/guard.h"
#include "cutover/switch.h"
#include "integration/cutover/service.h"

namespace {

using namespace crossover;

class ErrorOutput final : public Log {
 public:
  void write(LogLevel /*level*/, std::string_view text) override {
    fmt::print(stderr, "{}\n", text);
  }
};

postgres::ConnectionOptions options_of(int port) {
  postgres::ConnectionOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  options.database = "app";
  options.user = "postgres";
  options.password = Secret("superuser-password-canary");
  options.sslmode = "disable";
  return options;
}

int run(std::span<char*> arguments) {
  const std::string verb = arguments[1];
  const std::size_t first = verb == "switch" ? 3 : 2;
  const int old_port = std::stoi(arguments[first]);
  const int new_port = std::stoi(arguments[first + 1]);
  std::vector<std::unique_ptr<cutover::Pooler>> poolers;
  for (std::size_t i = first + 2; i < arguments.size(); ++i) {
    std::string text = arguments[i];
    std::array<int, 3> ports{};
    for (int& port : ports) {
      port = std::stoi(text);
      text.erase(0, text.find(':') + 1);
    }
    poolers.push_back(
        cutover::make_pgbouncer(test::pgbouncer_options(ports[0], text, ports[1], ports[2])));
  }
  const test::FixedDatabase old_database(options_of(old_port));
  const test::FixedDatabase new_database(options_of(new_port));
  const sync::Databases databases{old_database, new_database};
  cutover::Fleet fleet(std::move(poolers));
  const SystemClock clock;
  const StopRequest stop;
  ErrorOutput log;
  if (verb == "guard") {
    cutover::GuardOptions options;
    options.migration = test::migration;
    options.initial = sync::Side::old_side;
    cutover::Guard(databases, std::move(fleet), options, clock, log).run(stop);
    return 0;
  }
  cutover::SwitchOptions options;
  options.migration = test::migration;
  options.to = std::string(arguments[2]) == "new" ? sync::Side::new_side : sync::Side::old_side;
  cutover::run_switch(databases, fleet, options, clock, log, stop);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::span(argv, static_cast<std::size_t>(argc)));
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\nHINT: {}\n", error.text(), error.hint());
    return static_cast<int>(exit_code(error.kind()));
  }
}
