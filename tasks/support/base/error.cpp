#include "base/error.h"

#include <utility>

namespace crossover {

Error::Error(ErrorKind kind, std::string message, std::string hint)
    : std::runtime_error(message),
      kind_(kind),
      message_(std::move(message)),
      hint_(std::move(hint)) {}

Error& Error::add_context(std::string outer) {
  context_.insert(context_.begin(), std::move(outer));
  return *this;
}

Error& Error::set_hint(std::string hint) {
  hint_ = std::move(hint);
  return *this;
}

Error& Error::set_sqlstate(std::string sqlstate) {
  sqlstate_ = std::move(sqlstate);
  return *this;
}

Error& Error::set_http_status(int status) {
  http_status_ = status;
  return *this;
}

Error& Error::set_kind(ErrorKind kind) {
  kind_ = kind;
  return *this;
}

std::string Error::text() const {
  std::string text;
  for (const std::string& part : context_) {
    text += part;
    text += ": ";
  }
  return text + message_;
}

ExitCode exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return ExitCode::usage;
    case ErrorKind::precondition:
      return ExitCode::precondition;
    case ErrorKind::conflict:
      return ExitCode::conflict;
    case ErrorKind::locked:
      return ExitCode::locked;
    case ErrorKind::timeout:
      return ExitCode::timeout;
    case ErrorKind::rolled_back:
      return ExitCode::rolled_back;
    case ErrorKind::failure:
    case ErrorKind::cancelled:
      break;
  }
  return ExitCode::failure;
}

std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::precondition:
      return "precondition";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::locked:
      return "locked";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::rolled_back:
      return "rolled-back";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::failure:
      break;
  }
  return "failure";
}

}  // namespace crossover
