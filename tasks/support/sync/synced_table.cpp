#include "sync/synced_table.h"

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

std::string KeyType::column_type() const {
  return collation.empty() ? type : type + " COLLATE " + collation;
}

}  // namespace crossover::sync
