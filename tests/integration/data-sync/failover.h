#pragma once

#include <memory>
#include <string>
#include <vector>

#include "integration/data-sync/place.h"

namespace crossover::test {

/// A standby that has what its primary has now, and nothing of what comes after.
inline std::unique_ptr<PostgresServer> left_behind(PostgresServer& primary) {
  auto standby = primary.standby();
  standby->catch_up_with(primary);
  standby->stop();
  return standby;
}

inline void take_over(PostgresServer& primary, PostgresServer& standby) {
  primary.crash();
  standby.start();
  standby.promote();
}

inline std::vector<std::string> column(postgres::Session& session, std::string_view sql) {
  const postgres::Rows rows = session.query(sql);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    values.emplace_back(rows.text(i, 0));
  }
  return values;
}

inline std::vector<std::string> changes_of(const nlohmann::json& result) {
  std::vector<std::string> texts;
  for (const nlohmann::json& change : result["changes"]) {
    texts.push_back(change["object"].get<std::string>() + " " +
                    change["action"].get<std::string>() + " " +
                    change["detail"].get<std::string>());
  }
  return texts;
}

/// What a database keeps of what the other has lost: table, operation, what names the row, and "?"
/// where it is not certain.
inline std::vector<std::string> saved_rows(const sync::Database& database) {
  postgres::Session session = database.open("check");
  return column(session,
                "SELECT t.table_name || ' ' || r.operation || ' ' || coalesce(content->>'token', "
                "content->>'value', content->>'id', content#>>'{}') || "
                "CASE WHEN r.certain THEN '' ELSE ' ?' END FROM crossover.saved_row r "
                "JOIN crossover.synced_table t ON t.id = r.table_id ORDER BY 1");
}

}  // namespace crossover::test
