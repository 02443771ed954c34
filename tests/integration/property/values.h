#pragma once

#include <string>
#include <vector>

#include "integration/property/random.h"

namespace crossover::test::property {

/// Keys are drawn from so few values that writers meet each other's rows.
inline constexpr int key_domain = 24;

/// A type of columns, and how its values are drawn as SQL expressions.
struct ValueType {
  std::string sql;        ///< as in CREATE TABLE
  int since;              ///< the first server version that has it
  std::string collation;  ///< for COLLATE; mostly empty
  /// Any value.
  std::string (*any)(Random&);
  /// Value `n` of [0, key_domain): different ones for different `n`. Null when it can't be a key.
  std::string (*key)(Random&, int n);
};

/// All types; what they need beside the built-in ones is made by `types_sql`.
const std::vector<ValueType>& value_types();
/// Those that servers of `version` have, and that can be keys when `key` is set.
std::vector<const ValueType*> types_for(int version, bool key);

/// Schemas, extensions, enums, domains, composite types and collations that the types use.
extern const char* const types_sql;

/// A text with whatever is awkward in COPY's text form, in arrays, in SQL and in logs.
std::string awkward_text(Random& random);

}  // namespace crossover::test::property
