#include "sync/synced_table.h"

#include <algorithm>
#include <stdexcept>

#include "postgres/quote.h"

namespace crossover::sync {

std::string TableName::quoted() const { return postgres::quote_qualified(schema, name); }

std::string_view name(Policy policy) {
  switch (policy) {
    case Policy::merge:
      return "merge";
    case Policy::skip:
      return "skip";
    case Policy::replace:
      break;
  }
  return "replace";
}

const std::string& SyncedTable::key_type(std::size_t index) const {
  const auto found = std::find(columns.begin(), columns.end(), key.at(index));
  if (found == columns.end()) {
    throw std::logic_error("key column is not among the table's columns");
  }
  return types.at(static_cast<std::size_t>(found - columns.begin()));
}

}  // namespace crossover::sync
