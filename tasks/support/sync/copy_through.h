#pragma once

#include <cstdint>
#include <string>

#include "postgres/session.h"
#include "sync/row_digest.h"

namespace crossover::sync {

/// Carries the rows of a COPY ... TO STDOUT to a COPY ... FROM STDIN of another server, byte for
/// byte, so both must have the same columns and format. Returns how many rows were written.
std::uint64_t copy_through(postgres::Session& source, const std::string& out_sql,
                           postgres::Session& target, const std::string& in_sql);
/// The same, and adds the rows to `digest`.
std::uint64_t copy_through(postgres::Session& source, const std::string& out_sql,
                           postgres::Session& target, const std::string& in_sql, RowDigest& digest);

}  // namespace crossover::sync
