#include "integration/matrix/features.h"

namespace crossover::test::matrix {
namespace {

Feature row_triggers_of_partitions() {
  return {13,
          "BEFORE ROW triggers of partitioned tables",
          R"(
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON public.moved
  FOR EACH ROW EXECUTE FUNCTION public.touch();)",
          {},
          {}};
}

Feature multirange_keys() {
  return {14,
          "multiranges, as keys too",
          R"(
CREATE TABLE public.ranges (id int4multirange PRIMARY KEY, spans tstzmultirange);)",
          {"INSERT INTO public.ranges SELECT int4multirange(int4range(i, i + 2), int4range(i + 5, "
           "i + 7)), '{[2024-01-01 00:00+00,infinity)}' FROM generate_series(1, 60) i"},
          {{"UPDATE public.ranges SET spans = tstzmultirange(tstzrange(clock_timestamp(), NULL)) "
            "WHERE lower(id) = 1 + {w}"},
           {"UPDATE public.ranges SET id = int4multirange(int4range(1000 * {w} + 1000, 1000 * {w} "
            "+ 1001 + (random() * 900)::int)) WHERE upper(id) = 30 + {w} OR lower(id) = 1000 * {w} "
            "+ 1000"}}};
}

Feature nulls_not_distinct() {
  return {15,
          "UNIQUE NULLS NOT DISTINCT, ON DELETE SET NULL (column)",
          R"(
CREATE TABLE public.nulls (id int PRIMARY KEY, a int, b int, UNIQUE NULLS NOT DISTINCT (a, b));
CREATE TABLE public.of_nulls (id int PRIMARY KEY, a int NOT NULL, b int,
  FOREIGN KEY (a, b) REFERENCES public.nulls (a, b) ON DELETE SET NULL (b));)",
          {"INSERT INTO public.nulls SELECT i, i, CASE WHEN i % 2 = 0 THEN i END FROM "
           "generate_series(1, 40) i",
           "INSERT INTO public.of_nulls SELECT i, i, CASE WHEN i % 2 = 0 THEN i END FROM "
           "generate_series(1, 40) i"},
          {{"DELETE FROM public.nulls WHERE id = 2 + 2 * {w}",
            "INSERT INTO public.nulls VALUES (2 + 2 * {w}, 2 + 2 * {w}, NULL)"},
           {"UPDATE public.nulls SET b = 2 + 2 * {w} WHERE id = 2 + 2 * {w}",
            "UPDATE public.of_nulls SET b = 2 + 2 * {w} WHERE id = 2 + 2 * {w}"}}};
}

Feature merge() {
  return {15,
          "MERGE",
          R"(
CREATE TABLE public.merged (id int PRIMARY KEY, writer int, v text);)",
          {"INSERT INTO public.merged SELECT i, i % 4, 'first' FROM generate_series(1, 80) i"},
          {{"MERGE INTO public.merged m USING (SELECT i FROM generate_series({w}, 100, 4) i) s "
            "ON m.id = s.i WHEN MATCHED AND random() < 0.3 THEN DELETE WHEN MATCHED THEN UPDATE "
            "SET v = md5(random()::text) WHEN NOT MATCHED THEN INSERT VALUES (i, {w}, 'merged')"}}};
}

Feature merge_by_source() {
  return {17,
          "MERGE WHEN NOT MATCHED BY SOURCE",
          "",
          {},
          {{"MERGE INTO public.merged m USING generate_series({w}, 60, 4) s ON m.id = s "
            "WHEN NOT MATCHED BY SOURCE AND writer = {w} THEN UPDATE SET v = 'left over' "
            "WHEN NOT MATCHED THEN INSERT VALUES (s, {w}, 'again') "
            "WHEN MATCHED THEN UPDATE SET v = 'by source'"}}};
}

Feature identity_of_partitions() {
  return {17,
          "identity columns of partitioned tables",
          R"(
CREATE TABLE public.counted (id bigint GENERATED ALWAYS AS IDENTITY, part int, v text,
  PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE public.counted_0 PARTITION OF public.counted FOR VALUES IN (0, 1);
CREATE TABLE public.counted_rest PARTITION OF public.counted DEFAULT;)",
          {"INSERT INTO public.counted (part, v) SELECT i % 5, 'first' FROM generate_series(1, "
           "100) i"},
          {{"INSERT INTO public.counted (part, v) VALUES ({w}, 'more')",
            "UPDATE public.counted SET part = (part + 1) % 5 WHERE id = 1 + {w}"}}};
}

Feature virtual_columns() {
  return {18,
          "virtual generated columns",
          R"(
CREATE TABLE public.computed (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL,
  c int GENERATED ALWAYS AS (a + 1) STORED);)",
          {"INSERT INTO public.computed SELECT i, i FROM generate_series(1, 100) i"},
          {{"UPDATE public.computed SET a = a + 1 WHERE id % 4 = {w} AND b > 0"},
           {"INSERT INTO public.computed VALUES (1000 + {w}, 7) ON CONFLICT (id) DO UPDATE SET a "
            "= computed.a + 1"},
           {"DELETE FROM public.computed WHERE id = 1000 + {w}"}}};
}

Feature temporal_keys() {
  return {18,
          "keys WITHOUT OVERLAPS and foreign keys with PERIOD, constraints NOT ENFORCED",
          R"(
CREATE TABLE public.periods (id int, during daterange, v text,
  PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE public.in_periods (id int PRIMARY KEY, parent int, during daterange,
  FOREIGN KEY (parent, PERIOD during) REFERENCES public.periods (id, PERIOD during),
  CHECK (parent < 0) NOT ENFORCED);)",
          {"INSERT INTO public.periods SELECT i, daterange('2024-01-01', '2025-01-01') FROM "
           "generate_series(1, 40) i",
           "INSERT INTO public.in_periods SELECT i, i, daterange('2024-03-01', '2024-04-01') FROM "
           "generate_series(1, 20) i"},
          {{"UPDATE public.periods SET during = daterange('2024-01-01', date '2024-06-01' + "
            "(random() * 300)::int), v = md5(random()::text) WHERE id = 1 + {w}",
            "UPDATE public.in_periods SET during = daterange('2024-02-01', date '2024-03-01' + "
            "(random() * 30)::int) WHERE parent = 1 + {w}"},
           {"INSERT INTO public.periods VALUES (1 + {w}, daterange('2030-01-01', NULL))",
            "DELETE FROM public.periods WHERE id = 1 + {w} AND lower(during) = '2030-01-01'"}}};
}

}  // namespace

std::vector<Feature> later_features() {
  return {row_triggers_of_partitions(),
          multirange_keys(),
          nulls_not_distinct(),
          merge(),
          merge_by_source(),
          identity_of_partitions(),
          virtual_columns(),
          temporal_keys()};
}

}  // namespace crossover::test::matrix
