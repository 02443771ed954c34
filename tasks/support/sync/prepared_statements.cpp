#include "sync/prepared_statements.h"

#include <utility>

namespace crossover::sync {

void PreparedStatements::prepare(postgres::Session& session, std::string name,
                                 const std::string& sql) {
  if (!names_.contains(name)) {
    session.prepare(name, sql);
    names_.insert(std::move(name));
  }
}

postgres::Statement PreparedStatements::statement(std::string name,
                                                  const std::function<std::string()>& text,
                                                  std::vector<postgres::Param> params) const {
  if (names_.contains(name)) {
    return {{}, std::move(params), std::move(name)};
  }
  return {text(), std::move(params), {}};
}

}  // namespace crossover::sync
