// What the task holds of rows of several MB, as the kernel counts it.
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;

namespace {

constexpr const char* schema =
    "CREATE TABLE public.document (id int PRIMARY KEY, body text);"
    "GRANT ALL ON public.document TO writer";
/// 16 of 8 MiB: twice as much as may be held.
constexpr const char* wide_rows =
    "INSERT INTO public.document SELECT i, repeat(md5(i::text), 262144) FROM generate_series(1, "
    "16) "
    "i";

std::string documents(const sync::Database& database) {
  return std::string(database.open("check")
                         .query("SELECT string_agg(concat(id, ' ', md5(body)), ',' ORDER BY id) "
                                "FROM public.document")
                         .text(0, 0));
}

}  // namespace

TEST_CASE("a follower stays under 64 MiB, whatever the width of the rows that it carries") {
  World world(15, 17);
  world.add_schema(schema);
  Place place(world);
  place.run(0, {"start"});
  postgres::Session service = world.old_server.connect("app", "writer");
  service.batch(wide_rows);
  Halted follower(place, {"follow"}, "follow-drained", "follow-drained#2");
  CHECK((!size_tells || follower.peak_size() < 64 * mebibyte));
  CHECK(documents(world.new_db) == documents(world.old_db));
  // From now on it is known how wide they are.
  service.batch("UPDATE public.document SET body = body || 'x'");
  follower.wake();
  follower.await_stop();
  CHECK((!size_tells || follower.peak_size() < 64 * mebibyte));
  CHECK(documents(world.new_db) == documents(world.old_db));
}
