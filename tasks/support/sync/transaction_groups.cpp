#include "sync/transaction_groups.h"

#include <utility>

#include "base/error.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;

std::vector<Statement> grouped(std::vector<Statement> statements, std::size_t most) {
  std::vector<Statement> all;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (i % most == 0) {
      all.push_back({"BEGIN", {}, {}});
    }
    all.push_back(std::move(statements[i]));
    if ((i + 1) % most == 0 || i + 1 == statements.size()) {
      all.push_back({"COMMIT", {}, {}});
    }
  }
  return all;
}

// Without those of BEGIN and COMMIT.
std::vector<Rows> answers_only(std::vector<Rows> answers, std::size_t count, std::size_t most) {
  std::vector<Rows> found;
  std::size_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    next += i % most == 0 ? (i == 0 ? 1 : 2) : 0;
    found.push_back(std::move(answers.at(next++)));
  }
  return found;
}

}  // namespace

std::vector<Rows> run_in_groups(Session& session, std::vector<Statement> statements,
                                std::size_t most) {
  const std::size_t count = statements.size();
  if (session.in_transaction() || count <= most) {
    return session.pipeline(statements);
  }
  try {
    return answers_only(session.pipeline(grouped(std::move(statements), most)), count, most);
  } catch (const Error&) {
    if (!session.broken() && session.in_transaction()) {
      session.batch("ROLLBACK");
    }
    throw;
  }
}

}  // namespace crossover::sync
