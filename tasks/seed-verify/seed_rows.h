#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/verify.h"

namespace crossover::seed_verify {

/// Rows of a CSV text (RFC 4180, the first line names the columns) as objects column → text; an
/// empty field without quotes is null, as PostgreSQL's COPY reads it. `name` stands for the file in
/// messages. Throws Error{usage} with file and line for a row of another length, a column that is
/// named twice, and an open quote. Pure.
std::vector<nlohmann::json> parse_csv(std::string_view text, const std::string& name);

/// The rows that must be in the table: those of `rows`, then those of the file, CSV unless its name
/// ends in .yaml or .yml. Throws Error{usage} for a row that lacks a column of the key.
std::vector<nlohmann::json> seed_rows(const config::Seeds& seeds);

/// A value that is not null as a parameter of a statement; the server gives it the column's type.
/// Pure.
std::string parameter_text(const nlohmann::json& value);

}  // namespace crossover::seed_verify
