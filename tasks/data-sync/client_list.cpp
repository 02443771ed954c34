#include "data-sync/client_list.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/pooler_config.h"
#include "kube/list_allowed.h"
#include "kube/object.h"

namespace crossover::data_sync {
namespace {

using sync::DatabaseClient;
using sync::Finding;

using Addresses = std::optional<std::vector<std::string>>;

bool is_of(const std::vector<std::string>& poolers, const DatabaseClient& client) {
  return std::ranges::find(poolers, client.address) != poolers.end();
}

std::string seen_or_not(const DatabaseClient& client, bool seen) {
  return seen ? "seen" : client.hidden ? "hidden" : "not seen";
}

// "3 (1 across transactions)"
std::string advisory_locks(const DatabaseClient& client) {
  return client.session_advisory_locks == 0
             ? std::to_string(client.advisory_locks)
             : fmt::format("{} ({} across transactions)", client.advisory_locks,
                           client.session_advisory_locks);
}

std::string name_of(const DatabaseClient& client) {
  return fmt::format("client {} of role {} at {}", client.application, client.role, client.address);
}

// As the server writes it. A name would be that of the way to the pooler, not of where its own
// sessions come from.
std::string server_text(const std::string& address) {
  for (const int family : {AF_INET, AF_INET6}) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::inet_pton(family, address.c_str(), bytes.data()) == 1 &&
        ::inet_ntop(family, bytes.data(), text.data(), text.size()) != nullptr) {
      return text.data();
    }
  }
  throw Error(ErrorKind::usage,
              fmt::format("unable to use '{}' as a pooler's address: it is no IP address", address),
              "give the address that its sessions come from (client_addr of pg_stat_activity)");
}

// Nothing where nobody says which they are: neither the command line nor a cluster whose pods we
// may list.
Addresses pooler_addresses(const Run& run) {
  const std::vector<std::string>& given = run.context().options().list("pooler-address");
  if (!given.empty()) {
    std::vector<std::string> addresses;
    std::ranges::transform(given, std::back_inserter(addresses), server_text);
    return addresses;
  }
  const config::Migration& config = run.config();
  if (!config.pooler || run.context().namespace_name().empty()) {
    return std::nullopt;
  }
  std::vector<std::string> addresses;
  for (const nlohmann::json& pod : kube::list_if_allowed(
           run.client(), "v1", "Pod", cutover::pooler_selector(config.pooler->name))) {
    addresses.push_back(kube::text_at(pod, "/status/podIP"));
  }
  return addresses.empty() ? std::nullopt : std::optional(std::move(addresses));
}

}  // namespace

cli::Table client_table(const sync::ClientsSeen& seen, const Addresses& poolers) {
  cli::Table table{
      .title = "Clients of the old database",
      .columns = {"address", "application", "role", "by a pooler", "sessions", "in transaction",
                  "writes", "reads", "LISTEN", "advisory locks", "temporary tables"},
      .rows = {}};
  for (const DatabaseClient& client : seen.clients) {
    table.rows.push_back({client.address, client.application, client.role,
                          !poolers                  ? "not known"
                          : is_of(*poolers, client) ? "yes"
                                                    : "no",
                          std::to_string(client.sessions), std::to_string(client.in_transaction),
                          seen_or_not(client, client.writes), seen_or_not(client, client.reads),
                          seen_or_not(client, client.listens), advisory_locks(client),
                          std::to_string(client.temporary_tables)});
  }
  return table;
}

sync::Findings client_findings(const sync::ClientsSeen& seen, const Addresses& poolers) {
  sync::Findings findings;
  bool anybody_writes = false;
  for (const DatabaseClient& client : seen.clients) {
    anybody_writes = anybody_writes || client.writes;
    if (poolers && !is_of(*poolers, client)) {
      findings.push_back(
          {client.writes ? Finding::Level::warning : Finding::Level::note, name_of(client),
           client.writes
               ? "writes past the poolers: a switch does not take it along, and refuses what it "
                 "writes from then on (25006)"
               : "is connected past the poolers, though not seen to write: a switch does not take "
                 "it along"});
    }
  }
  if (seen.rows_written > 0 && !anybody_writes) {
    findings.push_back({Finding::Level::warning, "clients",
                        fmt::format("{} rows were written meanwhile, by nobody who was seen at it: "
                                    "watch for longer (--watch)",
                                    seen.rows_written)});
  }
  if (seen.other_temporary_tables > 0) {
    findings.push_back({Finding::Level::note, "clients",
                        fmt::format("{} temporary tables are of sessions that this server does not "
                                    "name, or were left by a crash",
                                    seen.other_temporary_tables)});
  }
  findings.push_back(
      {Finding::Level::note, "clients",
       "no server keeps what a session has done: \"not seen\" is of the time that was watched and "
       "of each session's last statement"});
  return findings;
}

sync::Findings list_clients(const Run& run) {
  const Addresses poolers = pooler_addresses(run);
  postgres::Session session = run.at(sync::Side::old_side).open("preflight");
  const sync::ClientsSeen seen = sync::watch_clients(session, run.context().clock(),
                                                     run.context().options().duration("watch"));
  run.context().result().add_table(client_table(seen, poolers));
  sync::Findings findings = sync::open_questions(run.config().sync.answers, seen);
  std::ranges::move(client_findings(seen, poolers), std::back_inserter(findings));
  return findings;
}

}  // namespace crossover::data_sync
