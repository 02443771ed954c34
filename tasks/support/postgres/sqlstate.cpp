#include "postgres/sqlstate.h"

namespace crossover::postgres {

ErrorKind error_kind(std::string_view state) {
  if (state == sqlstate::cancelled || state == sqlstate::lock_not_available ||
      state == sqlstate::idle_in_transaction_timeout || state == sqlstate::transaction_timeout) {
    return ErrorKind::timeout;
  }
  if (state.starts_with("28") || state == sqlstate::no_such_database ||
      state == sqlstate::not_permitted || state == sqlstate::read_only) {
    return ErrorKind::precondition;
  }
  return ErrorKind::failure;
}

bool is_connection_failure(const Error& error) {
  const std::string_view state = error.sqlstate();
  if (state == sqlstate::commit_in_doubt) return false;
  return state.starts_with("08") || state == sqlstate::shutting_down || state == "57P02" ||
         state == sqlstate::starting_up || state == "53300";
}

bool is_lock_conflict(const Error& error) {
  return error.sqlstate() == sqlstate::lock_not_available || error.sqlstate() == sqlstate::deadlock;
}

}  // namespace crossover::postgres
