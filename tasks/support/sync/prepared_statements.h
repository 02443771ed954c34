#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "postgres/session.h"

namespace crossover::sync {

/// The statements of one session that are prepared when they are first wanted to be fast, and go by
/// their text until then. Not thread-safe.
class PreparedStatements {
 public:
  /// Prepares it, unless it is. One that fails, for want of a lock for instance, leaves those
  /// before it. Throws what Session::prepare throws.
  void prepare(postgres::Session& session, std::string name, const std::string& sql);

  /// By its name where it is prepared, otherwise by what `text` makes.
  postgres::Statement statement(std::string name, const std::function<std::string()>& text,
                                std::vector<postgres::Param> params) const;

 private:
  std::set<std::string> names_;
};

}  // namespace crossover::sync
