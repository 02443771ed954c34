// What stands around the rows in the new database and is not carried: the preflight says where it
// differs, since the application would notice after the switch.
#include "integration/data-sync/place.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

TEST_CASE("what differs around the tables is warned of and what is spelled differently is not") {
  World world(12, 18);
  const Place place(world);
  world.add_schema(
      "CREATE SEQUENCE public.ticket; GRANT USAGE ON SEQUENCE public.ticket TO writer; "
      "CREATE TABLE public.account (id serial PRIMARY KEY, owner text DEFAULT current_user, "
      "state public.state DEFAULT 'open', at timestamptz DEFAULT now() - interval '1 day', "
      "secret text, code varchar(9) DEFAULT 'none'::character varying); "
      "GRANT SELECT (id, owner) ON public.account TO writer; "
      "ALTER TABLE public.account ENABLE ROW LEVEL SECURITY; "
      "CREATE POLICY own ON public.account TO writer USING (owner = current_user) "
      "WITH CHECK (owner = current_user AND code <> 'x')");
  const auto warnings = [&] {
    std::vector<std::string> said;
    const json result = place.run(0, {"preflight", "--watch", "1ms"});
    for (const json& check : result["checks"]) {
      const std::string name = check["name"];
      if (check["outcome"] == "warn" &&
          (name.starts_with("table ") || name.starts_with("sequence "))) {
        said.push_back(name + " " + check["detail"].get<std::string>());
      }
    }
    return said;
  };
  CHECK(warnings() == std::vector<std::string>{});
  world.new_db.open("test").batch(
      "ALTER TABLE public.account ALTER owner SET DEFAULT 'nobody', ALTER code DROP DEFAULT; "
      "ALTER TABLE public.role ALTER id DROP DEFAULT; "
      "GRANT SELECT (secret) ON public.account TO writer; "
      "REVOKE USAGE ON SEQUENCE public.ticket FROM writer; "
      "ALTER POLICY own ON public.account WITH CHECK (true); "
      "ALTER TABLE public.account FORCE ROW LEVEL SECURITY; "
      "ALTER TABLE public.tree ENABLE ROW LEVEL SECURITY");
  CHECK(warnings() ==
        std::vector<std::string>{
            "table public.account column 'owner' has the default CURRENT_USER in the old and "
            "'nobody'::text in the new database",
            "table public.account column 'code' has the default 'none'::character varying in the "
            "old and none in the new database",
            "table public.account has other grants in the new database",
            "table public.account has row security that binds its owner on one side only",
            "table public.account has other policies in the new database",
            "table public.role column 'id' has the default "
            "nextval('public.role_id_seq'::regclass) in the old and none in the new database",
            "table public.tree has row security on one side only",
            "sequence public.ticket has other grants in the new database"});
}
