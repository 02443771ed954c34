#pragma once

#include <string>
#include <vector>

#include "integration/property/schema.h"

namespace crossover::test::property {

/// The columns that a statement may name.
std::vector<const Column*> writable(const Table& table, bool with_key);
/// What an UPDATE or a DELETE names: the table, its view, or the table without its children.
std::string target(Random& random, const Table& table);
/// A condition that a few rows meet.
std::string where_key(Random& random, const Table& table);
/// What follows SET; empty when there is nothing to set.
std::string assignments(Random& random, std::vector<const Column*> columns, int most);
/// One row of VALUES.
std::string values_row(Random& random, const std::vector<const Column*>& columns);
/// "a", "b"
std::string column_names(const std::vector<const Column*>& columns);
std::string key_names(const Table& table);

}  // namespace crossover::test::property
