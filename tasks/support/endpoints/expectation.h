#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/verify.h"
#include "http/client.h"

namespace crossover::endpoints {

/// Which calls a run makes.
struct CallRules {
  config::Phase phase = config::Phase::anonymous;
  bool on_check_copy = false;  ///< the copy on the new database, whose gate is closed
  bool writes_allowed = false;
};

/// Empty when the check is called; else why not. Pure.
std::string reason_to_skip(const config::EndpointCheck& check, const CallRules& rules);

/// Throws Error{usage} before anything is sent when there are no checks, and for checks that phase
/// anonymous would call and may not: another method than GET and HEAD, one that writes, one that
/// logs in (a login writes a user's record); and, in any phase, for a JSON pointer that is none.
/// Pure.
void refuse_wrong_checks(const std::vector<config::EndpointCheck>& checks);

/// What of the answer is not as it must be, in words; empty when all is. Pure.
std::vector<std::string> differences(const config::EndpointCheck& check,
                                     const http::Response& response);

/// The check with `word` in place of each "{token}" of its path, body, request headers and clean-up
/// path. Pure.
config::EndpointCheck with_token(config::EndpointCheck check, const std::string& word);

/// A path in which each {POINTER} (RFC 6901, "{/id}") stands for that value of the answer's JSON,
/// percent-encoded. Throws Error{failure} when the answer has none. Pure.
std::string fill_path(const std::string& path, std::string_view answer);

}  // namespace crossover::endpoints
