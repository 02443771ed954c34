#include "postgres/server_identity.h"

namespace crossover::postgres {

ServerIdentity server_identity(Session& session) {
  // A WAL file's name starts with eight hexadecimal digits of the timeline.
  const Rows rows = session.query(
      "SELECT c.system_identifier,"
      " pg_walfile_name(pg_current_wal_lsn()),"
      " d.datname, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype"
      " FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database()");
  ServerIdentity identity;
  identity.system_identifier = rows.text(0, 0);
  identity.timeline = static_cast<std::uint32_t>(
      std::stoul(std::string(rows.text(0, 1).substr(0, 8)), nullptr, 16));
  identity.version = session.server_version();
  identity.database = rows.text(0, 2);
  identity.encoding = rows.text(0, 3);
  identity.collation = rows.text(0, 4);
  identity.character_type = rows.text(0, 5);
  return identity;
}

}  // namespace crossover::postgres
