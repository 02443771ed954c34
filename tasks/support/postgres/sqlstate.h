#pragma once

#include <string_view>

#include "base/error.h"

/// The SQLSTATEs that our code looks at (PostgreSQL manual, appendix A).
namespace crossover::postgres::sqlstate {

inline constexpr std::string_view unable_to_connect = "08001";
inline constexpr std::string_view no_connection = "08003";
inline constexpr std::string_view connection_lost = "08006";
inline constexpr std::string_view commit_in_doubt = "08007";
inline constexpr std::string_view unique_violation = "23505";
inline constexpr std::string_view foreign_key_violation = "23503";
inline constexpr std::string_view read_only = "25006";
inline constexpr std::string_view failed_transaction = "25P02";
inline constexpr std::string_view idle_in_transaction_timeout = "25P03";
inline constexpr std::string_view transaction_timeout = "25P04";
inline constexpr std::string_view wrong_password = "28P01";
inline constexpr std::string_view not_authorised = "28000";
inline constexpr std::string_view no_such_database = "3D000";
inline constexpr std::string_view serialization_failure = "40001";
inline constexpr std::string_view deadlock = "40P01";
inline constexpr std::string_view not_permitted = "42501";
inline constexpr std::string_view no_such_table = "42P01";
inline constexpr std::string_view disk_full = "53100";
inline constexpr std::string_view lock_not_available = "55P03";
inline constexpr std::string_view cancelled = "57014";
inline constexpr std::string_view shutting_down = "57P01";
inline constexpr std::string_view starting_up = "57P03";

}  // namespace crossover::postgres::sqlstate

namespace crossover::postgres {

/// The kind of error that a SQLSTATE means to a task (see Session).
ErrorKind error_kind(std::string_view sqlstate);

/// Whether the server could not be reached or went away, so that connecting anew may help: class 08
/// but for an in-doubt commit, 57P01 to 57P03, and 53300 (too many connections).
bool is_connection_failure(const Error& error);

/// Whether somebody else's lock stood in the way, so that trying again may help: 55P03 and 40P01.
bool is_lock_conflict(const Error& error);

}  // namespace crossover::postgres
