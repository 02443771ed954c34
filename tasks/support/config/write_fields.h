#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "config/migration.h"

namespace crossover::config {

/// "500ms", "2s", "10m", "1h": the largest unit that shows the whole of it.
std::string write_duration(Duration duration);
/// Whether a value of this name (a template's parameter, a chart's value, a header) is one that
/// people keep secret, so that it is not shown: "DB_PASSWORD", "auth.apiKey", "Authorization".
bool names_a_secret(std::string_view name);
/// "4096", "64KiB", "1GiB": the largest unit that shows the whole of it.
std::string write_bytes(std::uint64_t bytes);

/// The keys in the shape of the file. What is empty is left out.
nlohmann::ordered_json write_fields(Migration migration);

}  // namespace crossover::config
