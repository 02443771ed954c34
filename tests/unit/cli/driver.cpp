#include <fmt/format.h>

#include <thread>

#include "base/error.h"
#include "cli/task.h"

namespace {

using crossover::Error;
using crossover::ErrorKind;
using crossover::cli::CheckOutcome;
using crossover::cli::OptionType;
using crossover::cli::Plan;
using crossover::cli::TaskContext;

crossover::cli::TaskSpec spec() {
  return {.name = "driver",
          .summary = "does as it is told",
          .verbs = {{.name = "apply", .summary = "change something", .changes = true},
                    {.name = "fail", .summary = "fail", .config = crossover::cli::ConfigNeed::none},
                    {.name = "wait",
                     .summary = "wait for a signal",
                     .config = crossover::cli::ConfigNeed::none},
                    {.name = "show", .summary = "show values"}},
          .options = {{.name = "kind",
                       .type = OptionType::enumeration,
                       .value_name = "KIND",
                       .help = "kind of failure",
                       .default_value = "failure",
                       .values = {"failure", "precondition", "conflict", "timeout", "exception"},
                       .verbs = {"fail"}},
                      {.name = "template",
                       .value_name = "FILE",
                       .help = "a template",
                       .verbs = {"apply"},
                       .without_config = true},
                      {.name = "param",
                       .short_name = 'p',
                       .type = OptionType::list,
                       .value_name = "NAME=VALUE",
                       .help = "a parameter"},
                      {.name = "lock-timeout",
                       .type = OptionType::duration,
                       .value_name = "DURATION",
                       .help = "of one attempt",
                       .config_path = "sync.lockTimeout"},
                      {.name = "token", .help = "a token", .secret = true}},
          .examples = {"driver apply --dry-run"}};
}

void apply(TaskContext& context) {
  if (!context.options().text("template").empty()) {
    context.set_raw_output("rendered\n");
    return;
  }
  Plan plan("change something");
  plan.set_input("uid", "1");
  plan.add({.action = "apply", .object = "thing/a", .detail = "as it is", .payload = {{"a", 1}}});
  if (!context.confirm(plan)) {
    return;
  }
  context.phase("work", [&] { context.result().add_change("thing/a", "created"); });
}

void fail(TaskContext& context) {
  context.result().add_change("thing/a", "created");
  context.result().add_check("rows", CheckOutcome::fail, "3 differ");
  const std::string& kind = context.options().text("kind");
  if (kind == "exception") {
    throw std::runtime_error("boom");
  }
  const ErrorKind kinds = kind == "precondition" ? ErrorKind::precondition
                          : kind == "conflict"   ? ErrorKind::conflict
                          : kind == "timeout"    ? ErrorKind::timeout
                                                 : ErrorKind::failure;
  throw Error(kinds, "unable to do 'it': no", "do something else").set_sqlstate("25006");
}

void run(TaskContext& context) {
  if (context.verb() == "apply") {
    apply(context);
  } else if (context.verb() == "fail") {
    fail(context);
  } else if (context.verb() == "wait") {
    context.log().info("waiting");
    while (!context.stop().requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    context.stop().throw_if_requested();
  } else {
    context.result().set_report("lock_timeout", context.options().text("lock-timeout"));
    context.result().set_report("typed_ms", context.config().sync.lock_timeout.count() / 1000000);
    context.result().set_report("params", context.options().list("param"));
    context.result().set_report("token_size", context.options().secret("token").reveal().size());
    context.result().set_report("namespace", context.namespace_name());
  }
}

}  // namespace

int main(int argc, char** argv) { return crossover::cli::run_task(argc, argv, spec(), run); }
