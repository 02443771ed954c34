#include "base/error.h"
#include "postgres/session.h"
#include "postgres/sqlstate.h"

namespace crossover::postgres {

namespace {

// With these the server ended the session before it could read the COMMIT.
bool surely_not_committed(const Error& error) {
  return error.sqlstate() == sqlstate::idle_in_transaction_timeout ||
         error.sqlstate() == sqlstate::transaction_timeout;
}

}  // namespace

Transaction::Transaction(Session& session, std::string_view modes)
    : session_(&session), read_only_(modes.find("READ ONLY") != std::string_view::npos) {
  std::string begin = "BEGIN";
  if (!modes.empty()) begin.append(" ").append(modes);
  session_->batch(begin);
}

Transaction::~Transaction() {
  if (!open_ || session_->broken() || !session_->in_transaction()) return;
  try {
    session_->batch("ROLLBACK");
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // A connection that is lost here has rolled back by itself.
  }
}

void Transaction::commit() { commit_batch("COMMIT"); }

void Transaction::commit_with(std::string_view last_statements) {
  commit_batch(std::string(last_statements) + "; COMMIT");
}

void Transaction::commit_batch(const std::string& sql) {
  if (session_->broken()) {
    Error error(ErrorKind::failure,
                "unable to commit on '" + session_->name() + "': the connection is lost",
                "nothing was committed");
    throw error.set_sqlstate(std::string(sqlstate::no_connection));
  }
  Rows answer;
  try {
    answer = session_->batch_last(sql);
  } catch (const Error& error) {
    if (!session_->broken() || read_only_ || surely_not_committed(error)) throw;
    Error in_doubt(ErrorKind::failure,
                   "unable to commit on '" + session_->name() +
                       "': the connection was lost before the answer came, so it is in doubt "
                       "whether the transaction was committed",
                   "look at the data before anything is repeated");
    throw in_doubt.set_sqlstate(std::string(sqlstate::commit_in_doubt));
  }
  open_ = false;
  if (answer.command_tag() == "ROLLBACK") {
    Error error(ErrorKind::failure,
                "unable to commit on '" + session_->name() +
                    "': an earlier statement had failed, so the server rolled back");
    throw error.set_sqlstate(std::string(sqlstate::failed_transaction));
  }
}

void Transaction::rollback() {
  if (!open_) return;
  open_ = false;
  if (!session_->broken()) session_->batch("ROLLBACK");
}

}  // namespace crossover::postgres
