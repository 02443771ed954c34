#include "integration/property/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace crossover::test::property {
namespace {

using postgres::Rows;
using postgres::Session;
using sync::Side;

constexpr const char* relations_sql = R"(
  SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN (%KINDS%) AND n.nspname IN ('public', 'Other Schema') ORDER BY 1)";

std::vector<std::string> relations(Session& session, std::string_view kinds) {
  std::string sql = relations_sql;
  sql.replace(sql.find("%KINDS%"), 7, kinds);
  const Rows rows = session.query(sql);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    names.emplace_back(rows.text(i, 0));
  }
  return names;
}

std::map<std::string, std::string> digests(Session& session) {
  std::string sql;
  for (const std::string& name : relations(session, "'r', 'p'")) {
    sql += fmt::format(
        "{}SELECT {}, coalesce(md5(string_agg(crossover_row::text, E'\\n' ORDER BY "
        "crossover_row::text COLLATE \"C\")), '') FROM {} AS crossover_row",
        sql.empty() ? "" : " UNION ALL ", postgres::quote_literal(name), name);
  }
  const Rows rows = session.query(sql);
  std::map<std::string, std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0), rows.text(i, 1));
  }
  return found;
}

std::multiset<std::string> lines(Session& session, const std::string& name) {
  const Rows rows = session.query(
      fmt::format("SELECT left(crossover_row::text, 300) FROM {} AS crossover_row", name));
  std::multiset<std::string> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    found.emplace(rows.text(i, 0));
  }
  return found;
}

std::string difference(Session& left, Session& right, const std::string& name) {
  const auto in_old = lines(left, name);
  const auto in_new = lines(right, name);
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

std::string compare_rows(Site& site) {
  Session left = site.server(Side::old_side).connect(site.database());
  Session right = site.server(Side::new_side).connect(site.database());
  const auto in_old = digests(left);
  const auto in_new = digests(right);
  std::string text;
  for (const auto& [name, digest] : in_old) {
    const auto other = in_new.find(name);
    if (other == in_new.end()) {
      text += name + " is in the old database only\n";
    } else if (other->second != digest) {
      text += difference(left, right, name);
    }
  }
  return text;
}

std::string compare_acknowledged(Site& site, const std::vector<Acknowledged>& acknowledged) {
  std::string text;
  for (const Side side : {Side::old_side, Side::new_side}) {
    Session session = site.server(side).connect(site.database());
    for (std::size_t i = 0; i < acknowledged.size(); ++i) {
      const std::string id = std::to_string(i);
      const auto counter =
          session.query("SELECT value FROM public.counter WHERE id = $1::int", {id}).int64(0, 0);
      if (counter != acknowledged[i].counter) {
        text += fmt::format("counter {} in {} is {}, acknowledged {}\n", i, name(side), counter,
                            acknowledged[i].counter);
      }
      const Rows rows =
          session.query("SELECT token FROM public.token WHERE writer = $1::int ORDER BY 1", {id});
      std::vector<int> tokens;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        tokens.push_back(static_cast<int>(rows.int64(row, 0)));
      }
      if (tokens != acknowledged[i].tokens) {
        text += fmt::format("writer {} has {} tokens in {}, acknowledged {}\n", i, tokens.size(),
                            name(side), acknowledged[i].tokens.size());
      }
    }
  }
  return text;
}

std::string compare_sequences(Site& site, Side live, std::int64_t steps) {
  Session left = site.server(sync::other(live)).connect(site.database());
  Session here = site.server(live).connect(site.database());
  std::string text;
  for (const std::string& name : relations(here, "'S'")) {
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
