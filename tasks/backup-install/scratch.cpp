#include "backup-install/scratch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "postgres/quote.h"

namespace crossover::backup_install {

namespace {

/// 63 bytes are what PostgreSQL keeps of a name.
std::string scratch_name(const std::string& migration) {
  return ("crossover_restore_" + migration).substr(0, 63);
}

}  // namespace

ScratchDatabase::ScratchDatabase(postgres::Session& session, const std::string& migration, Log& log)
    : session_(session), name_(scratch_name(migration)), log_(log) {
  drop();
  const postgres::Rows own = session.query(
      "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database "
      "WHERE datname = current_database()");
  session.query(fmt::format(
      "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} "
      "LC_CTYPE {}",
      postgres::quote_identifier(name_), postgres::quote_literal(own.text(0, 0)),
      postgres::quote_literal(own.text(0, 1)), postgres::quote_literal(own.text(0, 2))));
}

ScratchDatabase::~ScratchDatabase() {
  try {
    drop();
  } catch (const std::exception& error) {
    log_.warning("scratch database '{}' is left over: {}", name_, error.what());
  }
}

void ScratchDatabase::drop() {
  constexpr int first_with_force = 130000;
  session_.query(fmt::format("DROP DATABASE IF EXISTS {}{}", postgres::quote_identifier(name_),
                             session_.server_version() < first_with_force ? "" : " WITH (FORCE)"));
}

std::string moment_of(postgres::Session& session) {
  return std::string(
      session.query("SELECT txid_snapshot_xmin(txid_current_snapshot()) % (2 ^ 32)::bigint")
          .text(0, 0));
}

Contents contents_of(postgres::Session& session, const std::vector<std::string>& tables,
                     const std::string& since) {
  const postgres::Rows found = session.query(
      "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' "
      "AND n.nspname NOT IN ('information_schema', 'crossover') ORDER BY 1, 2");
  Contents contents;
  for (std::size_t row = 0; row < found.size(); ++row) {
    const std::string name = fmt::format("{}.{}", found.text(row, 0), found.text(row, 1));
    if (!tables.empty() && std::ranges::find(tables, name) == tables.end()) {
      continue;
    }
    const postgres::Rows content = session.query(fmt::format(
        "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text, {} FROM "
        "ONLY {} t",
        since.empty() ? "0::bigint"
                      : fmt::format("count(*) FILTER (WHERE age(t.xmin) > age({}::xid))",
                                    postgres::quote_literal(since)),
        postgres::quote_qualified(found.text(row, 0), found.text(row, 1))));
    contents[name] = {content.int64(0, 0), std::string(content.text(0, 1)), content.int64(0, 2)};
  }
  return contents;
}

}  // namespace crossover::backup_install
