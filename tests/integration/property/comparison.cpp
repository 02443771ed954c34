#include "integration/property/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "postgres/quote.h"
#include "sync/array.h"

namespace crossover::test::property {
namespace {

using postgres::Rows;
using postgres::Session;
using sync::Side;

// Tables with their columns, which may stand in another order on the other side. The rows of those
// that inherit are not their parents'.
constexpr const char* tables_sql = R"(
  SELECT concat(CASE c.relkind WHEN 'r' THEN 'ONLY ' END, format('%I.%I', n.nspname, c.relname)),
         (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_class rc ON c.relispartition AND rc.oid = pg_partition_root(c.oid)
  WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'Other Schema')
    AND format('%s.%s', n.nspname, coalesce(rc.relname, c.relname)) <> ALL ($1::text[])
  ORDER BY 1)";

constexpr const char* sequences_sql = R"(
  SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'S' AND n.nspname IN ('public', 'Other Schema') ORDER BY 1)";

std::map<std::string, std::string> rows_of(Session& session,
                                           const std::vector<std::string>& skipped) {
  const Rows rows = session.query(tables_sql, {sync::text_array(skipped)});
  std::map<std::string, std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0), fmt::format("ROW({})::text", rows.text(i, 1)));
  }
  return found;
}

std::map<std::string, std::string> digests(Session& session,
                                           const std::map<std::string, std::string>& tables) {
  std::string sql;
  for (const auto& [name, row] : tables) {
    sql += fmt::format(
        "{}SELECT {}, coalesce(md5(string_agg({}, E'\\n' ORDER BY {} COLLATE \"C\")), '') FROM {}",
        sql.empty() ? "" : " UNION ALL ", postgres::quote_literal(name), row, row, name);
  }
  const Rows rows = session.query(sql);
  std::map<std::string, std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0), rows.text(i, 1));
  }
  return found;
}

std::multiset<std::string> lines(Session& session, const std::string& name,
                                 const std::string& row) {
  const Rows rows = session.query(fmt::format("SELECT left({}, 300) FROM {}", row, name));
  std::multiset<std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0));
  }
  return found;
}

std::string difference(Session& left, Session& right, const std::string& name,
                       const std::string& row) {
  const auto in_old = lines(left, name, row);
  const auto in_new = lines(right, name, row);
  std::vector<std::string> only_old;
  std::vector<std::string> only_new;
  std::set_difference(in_old.begin(), in_old.end(), in_new.begin(), in_new.end(),
                      std::back_inserter(only_old));
  std::set_difference(in_new.begin(), in_new.end(), in_old.begin(), in_old.end(),
                      std::back_inserter(only_new));
  std::string text =
      fmt::format("{} differs ({} rows in old, {} in new):\n", name, in_old.size(), in_new.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(only_old.size(), 5); ++i) {
    text += "  only in old: " + only_old[i] + "\n";
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(only_new.size(), 5); ++i) {
    text += "  only in new: " + only_new[i] + "\n";
  }
  return text;
}

struct SequenceState {
  std::int64_t last = 0;
  bool called = false;
};

SequenceState sequence_state(Session& session, const std::string& name) {
  const Rows rows = session.query("SELECT last_value, is_called FROM " + name);
  return {rows.int64(0, 0), rows.boolean(0, 1)};
}

// As far as a sequence with these bounds has to have gone on from `last`.
std::int64_t least_value(const Rows& definition, std::int64_t last, std::int64_t steps) {
  const std::int64_t increment = definition.int64(0, 0);
  const std::int64_t room = increment > 0 ? (definition.int64(0, 3) - last) / increment
                                          : (last - definition.int64(0, 2)) / -increment;
  return room > steps ? last + steps * increment : last;
}

}  // namespace

std::string compare_rows(Site& site, const std::vector<std::string>& skipped) {
  Session& left = site.look(Side::old_side);
  Session& right = site.look(Side::new_side);
  const auto tables = rows_of(left, skipped);
  const auto in_old = digests(left, tables);
  const auto in_new = digests(right, rows_of(right, skipped));
  std::string text;
  for (const auto& [name, digest] : in_old) {
    const auto other = in_new.find(name);
    if (other == in_new.end()) {
      text += name + " is in the old database only\n";
    } else if (other->second != digest) {
      text += difference(left, right, name, tables.at(name));
    }
  }
  return text;
}

std::string digest(Session& session, const std::string& table) {
  return std::string(session
                         .query(fmt::format("SELECT coalesce(md5(string_agg(t::text, E'\\n' ORDER "
                                            "BY t::text COLLATE \"C\")), '') FROM {} AS t",
                                            table))
                         .text(0, 0));
}

std::vector<Acknowledged> read_acknowledged(Session& session) {
  const auto results =
      session.pipeline({{"SELECT value FROM public.counter ORDER BY id", {}, {}},
                        {"SELECT writer, token FROM public.token ORDER BY 1, 2", {}, {}}});
  std::vector<Acknowledged> found(results[0].size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i].counter = static_cast<int>(results[0].int64(i, 0));
  }
  for (std::size_t row = 0; row < results[1].size(); ++row) {
    found.at(static_cast<std::size_t>(results[1].int64(row, 0)))
        .tokens.push_back(static_cast<int>(results[1].int64(row, 1)));
  }
  return found;
}

std::string more_than_acknowledged(std::size_t writer, const Acknowledged& there,
                                   const Acknowledged& told) {
  std::string text;
  if (!std::includes(told.tokens.begin(), told.tokens.end(), there.tokens.begin(),
                     there.tokens.end())) {
    text += fmt::format("writer {} has tokens that were never acknowledged\n", writer);
  }
  if (there.counter != static_cast<int>(there.tokens.size())) {
    text += fmt::format("counter {} is {}, beside {} tokens\n", writer, there.counter,
                        there.tokens.size());
  }
  return text;
}

std::string compare_acknowledged(Site& site, const std::vector<Acknowledged>& acknowledged) {
  std::string text;
  for (const Side side : {Side::old_side, Side::new_side}) {
    const std::vector<Acknowledged> there = read_acknowledged(site.look(side));
    for (std::size_t i = 0; i < acknowledged.size(); ++i) {
      if (there.at(i).counter != acknowledged[i].counter) {
        text += fmt::format("counter {} in {} is {}, acknowledged {}\n", i, name(side),
                            there[i].counter, acknowledged[i].counter);
      }
      if (there[i].tokens != acknowledged[i].tokens) {
        text += fmt::format("writer {} has {} tokens in {}, acknowledged {}\n", i,
                            there[i].tokens.size(), name(side), acknowledged[i].tokens.size());
      }
    }
  }
  return text;
}

std::string compare_sequences(Site& site, Side live, std::int64_t steps) {
  Session& left = site.look(sync::other(live));
  Session& here = site.look(live);
  std::string text;
  const Rows names = here.query(sequences_sql);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name(names.text(i, 0));
    const Rows definition = here.query(
        "SELECT seqincrement, seqcycle, seqmin, seqmax FROM pg_sequence WHERE seqrelid = "
        "$1::regclass",
        {name});
    const bool ascending = definition.int64(0, 0) > 0;
    const SequenceState before = sequence_state(left, name);
    const SequenceState now = sequence_state(here, name);
    if (definition.boolean(0, 1) || !before.called) {
      continue;  // one that goes round hands out everything again
    }
    const std::int64_t least = least_value(definition, before.last, steps);
    if (!now.called || (ascending ? now.last < least : now.last > least)) {
      text += fmt::format("sequence {} stands at {} in {}, behind {}\n", name, now.last,
                          sync::name(live), least);
    }
  }
  return text;
}

}  // namespace crossover::test::property
