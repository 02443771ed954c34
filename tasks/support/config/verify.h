#pragma once

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/kubernetes.h"
#include "config/named.h"

namespace crossover::config {

/// Rows that must be in a table, looked up by a natural key; from the file, `rows` and `file` add
/// up.
struct Seeds {
  std::string table;                 ///< "schema.table"
  std::vector<std::string> key;      ///< columns
  std::vector<nlohmann::json> rows;  ///< objects column → value
  std::string file;                  ///< CSV with a header, or a YAML list of mappings
};

enum class Phase { anonymous, full };
inline constexpr std::array<Named<Phase>, 2> phases{
    {{"anonymous", Phase::anonymous}, {"full", Phase::full}}};

struct CleanupCall {
  std::string method = "DELETE";
  std::string path;
};

/// One request and what its answer must be.
struct EndpointCheck {
  std::string name;
  std::string method = "GET";
  std::string path;
  int status = 200;
  std::map<std::string, nlohmann::json> json;  ///< JSON pointer (RFC 6901) → value
  std::map<std::string, std::string> headers;  ///< of the answer: name → value
  std::map<std::string, std::string> request_headers;
  std::string body;
  Phase phase = Phase::anonymous;
  bool writes = false;
  std::optional<CleanupCall> cleanup;  ///< undoes what the request wrote
  std::string token_env;  ///< environment variable with the bearer token; empty: no login
};

/// What the endpoints are called on.
struct VerifyTargets {
  std::optional<Target> api;        ///< the new API
  std::optional<Target> check;      ///< its copy on the new database
  std::optional<Target> rehearsal;  ///< its copy on the rehearsal database
  std::optional<Target> route;      ///< the Route
};

/// `verify`: steps 3, 4, 7 and 8.
struct Verify {
  std::vector<Seeds> seeds;
  std::vector<EndpointCheck> endpoints;
  VerifyTargets targets;
  int parallel = 8;
};

}  // namespace crossover::config
