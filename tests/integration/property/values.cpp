#include "integration/property/values.h"

#include <fmt/format.h>

#include "postgres/quote.h"

namespace crossover::test::property {

const char* const types_sql = R"(
CREATE SCHEMA "Other Schema";
CREATE EXTENSION hstore WITH SCHEMA public;
CREATE EXTENSION citext WITH SCHEMA public;
CREATE EXTENSION btree_gist WITH SCHEMA public;
CREATE COLLATION public.ignoring_case
  (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE public."Mood" AS ENUM ('low', 'it''s fine', 'high, very', 'Low');
CREATE TYPE public.letter AS ENUM ('x', 'w', 'v', 'u', 't', 's', 'r', 'q', 'p', 'o', 'n', 'm', 'l',
  'k', 'j', 'i', 'h', 'g', 'f', 'e', 'd', 'c', 'b', 'a');
CREATE DOMAIN "Other Schema".positive AS int CHECK (VALUE > 0);
CREATE DOMAIN public.label AS text NOT NULL DEFAULT '' CHECK (length(VALUE) < 200);
CREATE TYPE public.pair AS (a int, "b b" text);
)";

namespace {

using postgres::quote_literal;

std::string pick_of(Random& random, const std::vector<const char*>& values) {
  return random.pick(values);
}

std::string quoted_of(Random& random, const std::vector<const char*>& values,
                      std::string_view type) {
  return fmt::format("'{}'::{}", random.pick(values), type);
}

std::string any_int(Random& random) {
  return random.chance(10) ? pick_of(random, {"2147483647", "(-2147483647 - 1)", "0"})
                           : std::to_string(random.between(-50, 50));
}
std::string any_bigint(Random& random) {
  return random.chance(10) ? "9223372036854775807" : std::to_string(random.between(-9, 9));
}
std::string any_smallint(Random& random) { return std::to_string(random.between(-9, 9)); }
std::string any_numeric(Random& random) {
  return quoted_of(random, {"NaN", "0", "1.50", "1.500", "-12345678901234567890.123456789", "1e30"},
                   "numeric");
}
std::string any_price(Random& random) {
  return fmt::format("{}.{:02}", random.between(-99, 99), random.below(100));
}
std::string any_text(Random& random) { return quote_literal(awkward_text(random)) + "::text"; }
std::string any_large_text(Random& random) {
  // Incompressible and over 8 kB, so that it is TOASTed out of line.
  return fmt::format(
      "(SELECT string_agg(md5('{}' || i), '') FROM generate_series(1, {}) AS i)::text",
      random.below(1000000), random.between(1, 400));
}
std::string any_varchar(Random& random) {
  return quote_literal(awkward_text(random)) + "::varchar(20)";
}
std::string any_char(Random& random) {
  return quoted_of(random, {"", "a", "ab   ", "abcde", "  x"}, "char(5)");
}
std::string any_bytea(Random& random) {
  return quoted_of(random, {"\\x", "\\x00", "\\x00ff5c", "\\x0a0d09275c"}, "bytea");
}
std::string any_jsonb(Random& random) {
  return fmt::format("jsonb_build_object({}, {}, 'n', {})", any_text(random), any_text(random),
                     any_price(random));
}
std::string any_json(Random& random) {
  return quoted_of(random, {"{\"a\" : 1, \"a\":2}", "null", "[1, \"\\\\u00e4\\\\n\"]", "\"x\""},
                   "json");
}
std::string any_ints(Random& random) {
  return quoted_of(random, {"{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[0:1]={5,6}"}, "int[]");
}
std::string any_texts(Random& random) {
  return fmt::format("ARRAY[{}, NULL, {}]", any_text(random), any_text(random));
}
std::string any_range(Random& random) {
  return quoted_of(random, {"empty", "[1,5)", "(,3]", "[7,)", "(,)"}, "int4range");
}
std::string any_tstzrange(Random& random) {
  return quoted_of(random, {"empty", "[2024-01-01 00:00+00, infinity)", "[-infinity,2020-02-29]"},
                   "tstzrange");
}
std::string any_multirange(Random& random) {
  return quoted_of(random, {"{}", "{[1,3),[7,9)}", "{(,)}"}, "int4multirange");
}
std::string any_positive(Random& random) {
  return fmt::format("{}::\"Other Schema\".positive", random.between(1, 99));
}
std::string any_label(Random& random) {
  return quote_literal(awkward_text(random)) + "::public.label";
}
std::string any_pair(Random& random) {
  return random.chance(20)
             ? "ROW(NULL, NULL)::public.pair"
             : fmt::format("ROW({}, {})::public.pair", any_int(random), any_text(random));
}
std::string any_hstore(Random& random) {
  return fmt::format("public.hstore({}, {})", any_text(random),
                     random.chance(20) ? "NULL" : any_text(random));
}
std::string any_citext(Random& random) {
  return quote_literal(awkward_text(random)) + "::public.citext";
}
std::string any_timestamptz(Random& random) {
  return quoted_of(random,
                   {"infinity", "-infinity", "2024-02-29 12:34:56.789012+05:30", "0044-03-15 BC",
                    "1883-11-18 12:00:00-05"},
                   "timestamptz");
}
std::string any_timestamp(Random& random) {
  return quoted_of(random, {"infinity", "2024-02-29 23:59:60", "294276-01-01"}, "timestamp(3)");
}
std::string any_date(Random& random) {
  return quoted_of(random, {"infinity", "-infinity", "2000-02-29", "0001-01-01 BC"}, "date");
}
std::string any_time(Random& random) {
  return quoted_of(random, {"00:00", "24:00:00", "12:34:56.789"}, "time");
}
std::string any_timetz(Random& random) {
  return quoted_of(random, {"00:00+14", "23:59:59.999999-12:30"}, "timetz");
}
std::string any_interval(Random& random) {
  return quoted_of(random, {"1 mon -3 days 00:00:01.5", "-1 year", "30 days", "1 mon", "720 hours"},
                   "interval");
}
std::string any_endless_numeric(Random& random) {
  return quoted_of(random, {"Infinity", "-Infinity", "NaN", "0.000"}, "numeric");
}
std::string any_endless_interval(Random& random) {
  return quoted_of(random, {"infinity", "-infinity", "-1 mon 1 day"}, "interval");
}
std::string any_transaction_id(Random& random) {
  return quoted_of(random, {"0", "4294967297", "18446744073709551615"}, "xid8");
}
std::string any_path(Random& random) {
  return quoted_of(random, {"$.\"a b\"[*] ? (@.n > 1.50)", "strict $[0 to last]"}, "jsonpath");
}
std::string any_lsn(Random& random) {
  return quoted_of(random, {"0/0", "FFFFFFFF/FFFFFFFF"}, "pg_lsn");
}
std::string any_address(Random& random) {
  return quoted_of(random, {"08:00:2b:01:02:03:04:05", "ff:ff:ff:ff:ff:ff"}, "macaddr8");
}
std::string any_float8(Random& random) {
  return quoted_of(
      random, {"NaN", "-0", "0", "Infinity", "-Infinity", "0.1", "1e-320", "1.7976931348623e308"},
      "float8");
}
std::string any_float4(Random& random) {
  return quoted_of(random, {"NaN", "-0", "0.1", "3.4e38", "16777217"}, "float4");
}
std::string any_inet(Random& random) {
  return quoted_of(random, {"10.0.0.1", "10.0.0.1/8", "::1", "fe80::1/64"}, "inet");
}
std::string any_uuid(Random& random) { return fmt::format("md5('{}')::uuid", random.below(1000)); }
std::string any_bool(Random& random) { return random.chance(50) ? "true" : "false"; }
std::string any_bits(Random& random) {
  return quoted_of(random, {"", "1", "0101100"}, "bit varying");
}
std::string any_mood(Random& random) {
  return quoted_of(random, {"low", "it''s fine", "high, very", "Low"}, "public.\"Mood\"");
}
std::string any_letter(Random& random) {
  return fmt::format("'{}'::public.letter", static_cast<char>('a' + random.below(key_domain)));
}
std::string any_tsvector(Random& random) {
  return quoted_of(random, {"''it''''s'':1A b:2", "", "a:1,2,3"}, "tsvector");
}
std::string any_name(Random& random) { return quoted_of(random, {"", "a b", "Ünï"}, "name"); }
std::string any_xml(Random& random) {
  return quoted_of(random, {"<a b=\"c\">d &amp; e</a>", "text only"}, "xml");
}
std::string any_point(Random& random) {
  return quoted_of(random, {"(0,-0)", "(1.5,Infinity)"}, "point");
}

std::string key_int(Random&, int n) { return fmt::format("{}::int", n - 2); }
std::string key_bigint(Random&, int n) { return fmt::format("{}::bigint", n * 1000000007LL); }
std::string key_smallint(Random&, int n) { return fmt::format("{}::smallint", n); }
// The same number in several forms.
std::string key_numeric(Random& random, int n) {
  return fmt::format("{}.5{}::numeric", n,
                     std::string(static_cast<std::size_t>(random.below(3)), '0'));
}
std::string key_text(Random&, int n) {
  Random same(static_cast<std::uint64_t>(n));
  return quote_literal(fmt::format("{} {}", n, awkward_text(same))) + "::text";
}
// Upper and lower case of one key, which are equal.
std::string key_caseless(Random& random, int n) {
  return fmt::format("'{}{}'::text", random.chance(50) ? "Key\\" : "kEY\\", n);
}
std::string key_citext(Random& random, int n) {
  return fmt::format("'{}{}'::public.citext", random.chance(50) ? "ABC" : "abc", n);
}
std::string key_hstore(Random&, int n) { return fmt::format("public.hstore('n', '{}')", n); }
std::string key_uuid(Random&, int n) { return fmt::format("md5('{}')::uuid", n); }
std::string key_timestamptz(Random&, int n) {
  return n == 0 ? "'infinity'::timestamptz" : fmt::format("to_timestamp({}.25)", n);
}
std::string key_date(Random&, int n) { return fmt::format("date '2024-02-20' + {}", n); }
std::string key_bytea(Random&, int n) { return fmt::format("'\\x00{:02x}5c'::bytea", n); }
std::string key_ints(Random&, int n) { return fmt::format("ARRAY[{}, NULL]::int[]", n); }
std::string key_char(Random&, int n) { return fmt::format("'{}'::char(5)", n); }
std::string key_pair(Random&, int n) { return fmt::format("ROW({}, 'x,\"')::public.pair", n); }
std::string key_float8(Random& random, int n) {
  return n == 0 ? (random.chance(50) ? "'-0'::float8" : "'0'::float8")
                : (n == 1 ? "'NaN'::float8" : fmt::format("{}.1::float8", n));
}
std::string key_inet(Random&, int n) { return fmt::format("'10.0.0.{}/8'::inet", n); }
std::string key_jsonb(Random&, int n) { return fmt::format("'{{\"a\": [{}, null]}}'::jsonb", n); }
std::string key_range(Random&, int n) { return fmt::format("int4range({}, {})", n * 2, n * 2 + 2); }
std::string key_interval(Random& random, int n) {
  return fmt::format("'{}'::interval",
                     random.chance(50) ? fmt::format("{} mon", n) : fmt::format("{} days", n * 30));
}
std::string key_label(Random&, int n) { return fmt::format("'l''{}'::public.label", n); }
std::string key_positive(Random&, int n) {
  return fmt::format("{}::\"Other Schema\".positive", n + 1);
}
std::string key_letter(Random&, int n) {
  return fmt::format("'{}'::public.letter", static_cast<char>('a' + n));
}
std::string key_name(Random&, int n) { return fmt::format("'n {}'::name", n); }
std::string key_multirange(Random&, int n) {
  return fmt::format("int4multirange(int4range({0}, {0} + 2))", n);
}

}  // namespace

std::string awkward_text(Random& random) {
  static const std::vector<const char*> texts = {"",
                                                 "plain",
                                                 "it's \"quoted\"",
                                                 "tab\tnew\nline\r",
                                                 "back\\slash \\N \\.",
                                                 "NULL",
                                                 "{a,b}",
                                                 "ünï → 漢字 🐘",
                                                 " around ",
                                                 "$1 %s {} %",
                                                 "\x01\x7f",
                                                 "\\",
                                                 "\\x41",
                                                 "Ab",
                                                 "aB"};
  return random.pick(texts);
}

const std::vector<ValueType>& value_types() {
  static const std::vector<ValueType> types = {
      {"int", 12, "", any_int, key_int},
      {"bigint", 12, "", any_bigint, key_bigint},
      {"smallint", 12, "", any_smallint, key_smallint},
      {"numeric", 12, "", any_numeric, key_numeric},
      {"numeric(10,2)", 12, "", any_price, nullptr},
      {"text", 12, "", any_text, key_text},
      {"text", 12, "public.ignoring_case", any_text, key_caseless},
      {"text", 12, "", any_large_text, nullptr},
      {"varchar(20)", 12, "", any_varchar, nullptr},
      {"char(5)", 12, "", any_char, key_char},
      {"name", 12, "", any_name, key_name},
      {"bytea", 12, "", any_bytea, key_bytea},
      {"jsonb", 12, "", any_jsonb, key_jsonb},
      {"json", 12, "", any_json, nullptr},
      {"int[]", 12, "", any_ints, key_ints},
      {"text[]", 12, "", any_texts, nullptr},
      {"int4range", 12, "", any_range, key_range},
      {"tstzrange", 12, "", any_tstzrange, nullptr},
      {"int4multirange", 14, "", any_multirange, key_multirange},
      {"\"Other Schema\".positive", 12, "", any_positive, key_positive},
      {"public.label", 12, "", any_label, key_label},
      {"public.pair", 12, "", any_pair, key_pair},
      {"public.hstore", 12, "", any_hstore, key_hstore},
      {"public.citext", 12, "", any_citext, key_citext},
      {"timestamptz", 12, "", any_timestamptz, key_timestamptz},
      {"timestamp(3)", 12, "", any_timestamp, nullptr},
      {"date", 12, "", any_date, key_date},
      {"time", 12, "", any_time, nullptr},
      {"timetz", 12, "", any_timetz, nullptr},
      {"interval", 12, "", any_interval, key_interval},
      {"float8", 12, "", any_float8, key_float8},
      {"float4", 12, "", any_float4, nullptr},
      {"inet", 12, "", any_inet, key_inet},
      {"uuid", 12, "", any_uuid, key_uuid},
      {"boolean", 12, "", any_bool, nullptr},
      {"bit varying", 12, "", any_bits, nullptr},
      {"public.\"Mood\"", 12, "", any_mood, nullptr},
      {"public.letter", 12, "", any_letter, key_letter},
      {"tsvector", 12, "", any_tsvector, nullptr},
      {"xml", 12, "", any_xml, nullptr},
      {"point", 12, "", any_point, nullptr},
      {"jsonpath", 12, "", any_path, nullptr},
      {"pg_lsn", 12, "", any_lsn, nullptr},
      {"macaddr8", 12, "", any_address, nullptr},
      {"xid8", 13, "", any_transaction_id, nullptr},
      {"numeric", 14, "", any_endless_numeric, nullptr},
      {"interval", 17, "", any_endless_interval, nullptr},
  };
  return types;
}

std::vector<const ValueType*> types_for(int version, bool key) {
  std::vector<const ValueType*> found;
  for (const ValueType& type : value_types()) {
    if (type.since <= version && (!key || type.key != nullptr)) {
      found.push_back(&type);
    }
  }
  return found;
}

}  // namespace crossover::test::property
