#include "data-sync/schema_dump.h"

#include <catch2/catch.hpp>

using namespace crossover;

TEST_CASE("what psql alone understands of a dump is left out, and nothing else") {
  CHECK(
      data_sync::restorable("\\restrict Ab1\n\nSELECT $$\n\\unrestrict other\n\\restrict Ab1\n$$;\n"
                            "-- PostgreSQL database dump complete\n\n\\unrestrict Ab1\n") ==
      "\nSELECT $$\n\\unrestrict other\n\\restrict Ab1\n$$;\n"
      "-- PostgreSQL database dump complete\n\n");
  CHECK(data_sync::restorable("SELECT 1;\n-- PostgreSQL database dump complete\n") ==
        "SELECT 1;\n-- PostgreSQL database dump complete\n");
}

TEST_CASE("a dump that was cut off is not taken for a schema") {
  CHECK_THROWS_WITH(data_sync::restorable("CREATE TABLE a (b int);\n"),
                    "unable to copy the new database's schema: pg_dump's output ends half-way");
}
