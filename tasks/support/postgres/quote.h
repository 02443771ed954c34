#pragma once

#include <string>
#include <string_view>

namespace crossover::postgres {

/// An SQL identifier in double quotes, always quoted (PostgreSQL manual, "Identifiers and Key
/// Words"). Throws Error{usage} for an empty name and for one with a NUL in it.
std::string quote_identifier(std::string_view name);

/// "schema"."name".
std::string quote_qualified(std::string_view schema, std::string_view name);

/// An SQL string constant, for DDL and SET only, which take no parameters; values of other
/// statements are always parameters. Right at any standard_conforming_strings. Throws Error{usage}
/// for a text with a NUL in it.
std::string quote_literal(std::string_view text);

}  // namespace crossover::postgres
