#include "cutover/rehearsal_entry.h"

#include <fmt/format.h>

#include "postgres/advisory_lock.h"
#include "postgres/quote.h"

namespace crossover::cutover {

std::string rehearsal_database(const std::string& migration) {
  constexpr std::size_t longest_name = 63;
  return ("crossover_rehearsal_" + migration).substr(0, longest_name);
}

std::string rehearsal_entry(const std::string& entry) { return entry + "_rehearsal"; }

std::int64_t rehearsal_mark(const std::string& migration) {
  return postgres::advisory_key(migration, "rehearsal");
}

std::string rehearsal_connect_query(const std::string& migration) {
  return fmt::format(
      "SELECT CASE WHEN pg_catalog.current_database() = {} "
      "THEN pg_catalog.pg_advisory_lock_shared({})::text "
      "ELSE pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())::text END",
      postgres::quote_literal(rehearsal_database(migration)), rehearsal_mark(migration));
}

}  // namespace crossover::cutover
