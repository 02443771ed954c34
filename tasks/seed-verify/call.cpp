#include "seed-verify/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "http/client.h"
#include "seed-verify/expectation.h"
#include "seed-verify/place.h"
#include "sync/gate.h"

namespace crossover::seed_verify {

namespace {

using cli::CheckOutcome;
using config::EndpointCheck;

constexpr auto answer_timeout = std::chrono::seconds(10);
constexpr double milliseconds = 1000.0;

Secret token_of(const EndpointCheck& check) {
  if (check.token_env.empty()) {
    return {};
  }
  const char* value = std::getenv(check.token_env.c_str());
  if (value == nullptr || *value == '\0') {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to call '{}': the environment variable '{}' is not set",
                            check.name, check.token_env),
                "it holds the bearer token of a user who may call it");
  }
  return Secret(value);
}

class Calls {
 public:
  Calls(cli::TaskContext& context, const Place& place)
      : context_(context), place_(place), client_(http::make_client(client_options())) {
    table_.title = "answers";
    table_.columns = {"check", "method", "path", "status", "ms", "outcome"};
  }

  /// Tokens are looked up for all before anything is sent.
  void add(const EndpointCheck& check) {
    http::Request request = to(check.method, check.path);
    for (const auto& header : check.request_headers) {
      request.headers.push_back(header);
    }
    request.body = check.body;
    request.bearer = token_of(check);
    (check.writes ? writes_ : reads_).push_back({&check, std::move(request)});
  }

  void run() {
    std::vector<http::Request> requests;
    for (const Call& call : reads_) {
      requests.push_back(call.request);
    }
    const std::vector<http::Outcome> outcomes = client_->send_all(requests);
    for (std::size_t index = 0; index < reads_.size(); ++index) {
      judge(*reads_[index].check, outcomes[index]);
    }
    for (const Call& call : writes_) {
      context_.stop().throw_if_requested();
      const http::Outcome outcome = client_->send_all({&call.request, 1}).front();
      judge(*call.check, outcome);
      clean_up(call, outcome);
    }
    tell_latencies();
  }

 private:
  struct Call {
    const EndpointCheck* check;
    http::Request request;
  };

  http::ClientOptions client_options() const {
    http::ClientOptions options;
    options.parallel = static_cast<std::size_t>(context_.config().verify.parallel);
    options.connections_per_host = options.parallel;
    options.tls.server_name = place_.server_name;
    options.use_environment_proxy = !place_.local;
    return options;
  }

  http::Request to(const std::string& method, const std::string& path) const {
    http::Request request;
    request.method = method;
    request.url = place_.base_url + path;
    if (!place_.host.empty()) {
      request.headers.emplace_back("Host", place_.host);
    }
    request.timeout = context_.timeout(answer_timeout);
    return request;
  }

  void judge(const EndpointCheck& check, const http::Outcome& outcome) {
    const std::vector<std::string> wrong = outcome.error
                                               ? std::vector<std::string>{outcome.error->text()}
                                               : differences(check, outcome.response);
    const double latency = seconds(outcome.response.latency);
    if (!outcome.error) {
      latencies_.push_back(latency);
    }
    table_.rows.push_back({check.name, check.method, check.path,
                           outcome.error ? "" : std::to_string(outcome.response.status),
                           fmt::format("{:.1f}", latency * milliseconds),
                           wrong.empty() ? "pass" : "fail"});
    context_.result().add_check(
        check.name, wrong.empty() ? CheckOutcome::pass : CheckOutcome::fail,
        wrong.empty() ? std::string() : fmt::format("{}", fmt::join(wrong, "; ")));
  }

  /// Also when the answer was not the wanted one: the write may have been done.
  void clean_up(const Call& call, const http::Outcome& outcome) {
    if (!call.check->cleanup || outcome.error) {
      return;
    }
    constexpr int first_error = 400;
    const std::string name = call.check->name + " clean-up";
    try {
      http::Request request = to(call.check->cleanup->method,
                                 fill_path(call.check->cleanup->path, outcome.response.body));
      request.bearer = call.request.bearer;
      const http::Response response = client_->send(request);
      context_.result().add_check(
          name, response.status < first_error ? CheckOutcome::pass : CheckOutcome::fail,
          fmt::format("status {}", response.status));
    } catch (const Error& error) {
      context_.result().add_check(name, CheckOutcome::fail, error.text());
    }
  }

  void tell_latencies() {
    std::ranges::sort(latencies_);
    if (!latencies_.empty()) {
      context_.result().set_metric("latency_median_seconds", latencies_[latencies_.size() / 2]);
      context_.result().set_metric("latency_max_seconds", latencies_.back());
    }
    context_.result().set_metric("requests", static_cast<std::int64_t>(table_.rows.size()));
    if (!table_.rows.empty()) {
      context_.result().add_table(std::move(table_));
    }
  }

  cli::TaskContext& context_;
  const Place& place_;
  std::unique_ptr<http::Client> client_;
  std::vector<Call> reads_;
  std::vector<Call> writes_;
  std::vector<double> latencies_;
  cli::Table table_;
};

/// After the switch, writes are ordinary ones: the new database's gate is open.
bool writes_allowed(cli::TaskContext& context, Connections& connections, bool any) {
  if (!any || context.options().flag("allow-writes")) {
    return any;
  }
  const config::Databases& databases = context.config().databases;
  if (!databases.new_side) {
    return false;
  }
  postgres::Session session = connections.open(sync::Side::new_side);
  return sync::gate_state(session) == sync::GateState::open;
}

}  // namespace

void check_endpoints(cli::TaskContext& context, Connections& connections) {
  const config::Verify& verify = context.config().verify;
  refuse_wrong_checks(verify.endpoints);
  if (verify.endpoints.empty()) {
    throw Error(ErrorKind::usage, "unable to check endpoints: 'verify.endpoints' is missing",
                "name the requests and what their answers must be there");
  }
  CallRules rules;
  rules.phase =
      context.options().text("phase") == "full" ? config::Phase::full : config::Phase::anonymous;
  const std::string target = target_of(context);
  rules.on_check_copy = target == "check";
  const bool any_writes = rules.phase == config::Phase::full && !rules.on_check_copy &&
                          std::ranges::any_of(verify.endpoints, [](const EndpointCheck& check) {
                            return check.writes;
                          });
  rules.writes_allowed = writes_allowed(context, connections, any_writes);
  const Place place(context, connections, target);
  context.result().set_report("target", target);
  Calls calls(context, place);
  for (const EndpointCheck& check : verify.endpoints) {
    const std::string reason = reason_to_skip(check, rules);
    if (reason.empty()) {
      calls.add(check);
    } else {
      context.result().add_check(check.name, CheckOutcome::skip, reason);
    }
  }
  calls.run();
}

}  // namespace crossover::seed_verify
