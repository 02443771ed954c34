#include "sync/configured_databases.h"

#include <fmt/format.h>

#include "base/error.h"

namespace crossover::sync {

namespace {

template <typename Body>
decltype(auto) naming(const std::string& key, Body&& body) {
  try {
    return body();
  } catch (Error& error) {
    if (error.http_status() == 404 && error.hint().empty()) {
      error.set_hint(fmt::format(
          "'{}' names it: `db-provision apply` makes what is missing of the new database; what is "
          "there already has to be named as it is",
          key));
    }
    throw;
  }
}

}  // namespace

const postgres::Endpoint& EndpointDatabase::endpoint() const {
  const std::lock_guard lock(mutex_);
  if (!endpoint_) {
    endpoint_.emplace(database_, key_, context_);
  }
  return *endpoint_;
}

void EndpointDatabase::resolve() const {
  naming(key_, [&] { endpoint(); });
}

postgres::Session EndpointDatabase::open(std::string_view purpose) const {
  return naming(key_, [&] { return endpoint().open(purpose); });
}

std::string EndpointDatabase::describe() const {
  try {
    return endpoint().describe();
  } catch (const Error&) {
    return key_;
  }
}

bool names_cluster(const config::Database& database) {
  return !database.service.empty() || !database.selector.empty() ||
         !database.credentials.secret.empty() || !database.tls.ca_secret.empty() ||
         !database.tls.ca_config_map.empty();
}

}  // namespace crossover::sync
