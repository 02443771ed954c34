#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_code.h"

namespace crossover {

/// What went wrong, seen by the caller; decides the exit code.
enum class ErrorKind {
  failure,       ///< exit 1
  usage,         ///< exit 2
  precondition,  ///< exit 3
  conflict,      ///< exit 4
  locked,        ///< exit 5
  timeout,       ///< exit 6
  rolled_back,   ///< exit 7
  cancelled,     ///< SIGTERM or Ctrl-C ended the step at a safe point; exit 1
};

/// The one error type of the project. Adapters translate their library's errors into it once,
/// callers add context on the way up, and only `cli::run_task` writes it out.
///
/// `message` follows `unable to <verb> '<object>': <cause>` in lower case without a final stop;
/// `hint` tells the reader what to do next. Neither ever holds a secret.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string message, std::string hint = {});

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  /// Outermost first, for example {"table public.profile", "chunk 3"}.
  const std::vector<std::string>& context() const { return context_; }
  /// Five characters when a PostgreSQL server (or libpq) reported it, else empty.
  const std::string& sqlstate() const { return sqlstate_; }
  /// The status when an HTTP server answered, else 0.
  int http_status() const { return http_status_; }

  Error& add_context(std::string outer);
  Error& set_hint(std::string hint);
  Error& set_sqlstate(std::string sqlstate);
  Error& set_http_status(int status);
  Error& set_kind(ErrorKind kind);

  /// `message`, with context in front where there is any: "outer: inner: message".
  std::string text() const;

 private:
  ErrorKind kind_;
  std::string message_;
  std::string hint_;
  std::vector<std::string> context_;
  std::string sqlstate_;
  int http_status_ = 0;
};

/// The exit code that belongs to a kind of error.
ExitCode exit_code(ErrorKind kind);

/// The name under which a kind stands in result documents ("failure", "usage", ...).
std::string_view name(ErrorKind kind);

/// Runs `body`; an Error that leaves it gets `context` put in front.
template <typename Body>
decltype(auto) with_context(std::string_view context, Body&& body) {
  try {
    return body();
  } catch (Error& error) {
    error.add_context(std::string(context));
    throw;
  }
}

}  // namespace crossover
