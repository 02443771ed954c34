#include "endpoints/expectation.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using namespace crossover;
using config::EndpointCheck;
using endpoints::CallRules;

namespace {

EndpointCheck check(const std::string& name) {
  EndpointCheck result;
  result.name = name;
  result.path = "/x";
  return result;
}

http::Response answer(int status, const std::string& body) {
  http::Response response;
  response.status = status;
  response.body = body;
  response.headers = {{"X-Version", "new"}};
  return response;
}

std::string refusal(const EndpointCheck& wrong) {
  try {
    endpoints::refuse_wrong_checks({wrong});
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("an anonymous check may only read, without a login") {
  EndpointCheck wrong = check("c");
  CHECK(refusal(wrong).empty());
  wrong.method = "HEAD";
  CHECK(refusal(wrong).empty());
  wrong.method = "POST";
  CHECK(refusal(wrong) == "unable to call 'c': an anonymous check may use GET and HEAD, not POST");
  wrong = check("c");
  wrong.token_env = "T";
  CHECK(refusal(wrong) == "unable to call 'c': an anonymous check may not log in");
  wrong = check("c");
  wrong.writes = true;
  CHECK(refusal(wrong) == "unable to call 'c': an anonymous check may not write");
  wrong.phase = config::Phase::full;
  CHECK(refusal(wrong).empty());
  wrong.json = {{"status", "ok"}};
  CHECK(refusal(wrong) == "unable to call 'c': 'status' is no JSON pointer");
}

TEST_CASE("each phase and target has its calls") {
  EndpointCheck reads = check("reads");
  EndpointCheck full = check("full");
  full.phase = config::Phase::full;
  EndpointCheck writes = full;
  writes.writes = true;
  EndpointCheck login = full;
  login.token_env = "T";
  const CallRules anonymous{};
  CHECK(endpoints::reason_to_skip(reads, anonymous).empty());
  CHECK(endpoints::reason_to_skip(full, anonymous) == "belongs to phase full");
  CallRules rules{.phase = config::Phase::full, .on_check_copy = false, .writes_allowed = false};
  CHECK(endpoints::reason_to_skip(full, rules).empty());
  CHECK(endpoints::reason_to_skip(login, rules).empty());
  CHECK_FALSE(endpoints::reason_to_skip(writes, rules).empty());
  rules.writes_allowed = true;
  CHECK(endpoints::reason_to_skip(writes, rules).empty());
  rules.on_check_copy = true;
  CHECK_FALSE(endpoints::reason_to_skip(writes, rules).empty());
  CHECK_FALSE(endpoints::reason_to_skip(login, rules).empty());
}

TEST_CASE("everything that is not as it must be is named") {
  EndpointCheck wanted = check("c");
  wanted.json = {{"/status", "ok"}, {"/list/0/id", 7}};
  wanted.headers = {{"x-version", "new"}};
  CHECK(
      endpoints::differences(wanted, answer(200, R"({"status":"ok","list":[{"id":7}]})")).empty());
  wanted.headers = {{"x-version", "old"}, {"x-none", ""}};
  CHECK(endpoints::differences(wanted, answer(503, R"({"status":"down"})")) ==
        std::vector<std::string>{"status 503, not 200", "header 'x-none' is missing",
                                 "header 'x-version' is 'new', not 'old'",
                                 "'/list/0/id' is missing", "'/status' is \"down\", not \"ok\""});
  wanted.headers = {};
  CHECK(endpoints::differences(wanted, answer(200, "<html>")) ==
        std::vector<std::string>{"the answer is not JSON"});
}

TEST_CASE("the run's word stands wherever a check wants it") {
  EndpointCheck wanted = check("c");
  wanted.path = "/p/{token}/{/id}?again={token}";
  wanted.body = R"({"name": "{token}"})";
  wanted.request_headers = {{"X-Trace", "t-{token}"}};
  wanted.cleanup = config::CleanupCall{"DELETE", "/p/{token}/{/id}"};
  const EndpointCheck filled = endpoints::with_token(wanted, "w");
  CHECK(filled.path == "/p/w/{/id}?again=w");
  CHECK(filled.body == R"({"name": "w"})");
  CHECK(filled.request_headers.at("X-Trace") == "t-w");
  CHECK(filled.cleanup->path == "/p/w/{/id}");
}

TEST_CASE("a clean-up path is filled in from the answer") {
  CHECK(endpoints::fill_path("/requests/{/id}/x", R"({"id": 12})") == "/requests/12/x");
  CHECK(endpoints::fill_path("/p/{/name}", R"({"name": "a b/c"})") == "/p/a%20b%2Fc");
  CHECK(endpoints::fill_path("/plain", "no json") == "/plain");
  CHECK_THROWS_WITH(endpoints::fill_path("/requests/{/id}", "{}"),
                    "unable to fill in '/requests/{/id}': the answer has no '/id'");
}
