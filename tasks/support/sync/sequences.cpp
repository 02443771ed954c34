#include "sync/sequences.h"

#include <algorithm>

#include "sync/array.h"
#include "sync/transaction_groups.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

constexpr std::size_t most_sequences_at_once = 200;

const SequenceValue* find_counterpart(const std::vector<SequenceValue>& values,
                                      const SequenceValue& wanted) {
  const auto same_name =
      std::find_if(values.begin(), values.end(),
                   [&](const SequenceValue& value) { return value.sequence == wanted.sequence; });
  if (same_name != values.end()) {
    return &*same_name;
  }
  if (wanted.owner_column.empty()) {
    return nullptr;
  }
  const auto same_owner =
      std::find_if(values.begin(), values.end(), [&](const SequenceValue& value) {
        return value.owner_table == wanted.owner_table && value.owner_column == wanted.owner_column;
      });
  return same_owner == values.end() ? nullptr : &*same_owner;
}

// value + steps * increment, kept inside [minimum, maximum] without overflowing on the way.
std::int64_t stepped(const SequenceValue& bounds, std::int64_t value, std::int64_t steps) {
  std::int64_t distance = 0;
  std::int64_t moved = 0;
  if (__builtin_mul_overflow(steps, bounds.increment, &distance) ||
      __builtin_add_overflow(value, distance, &moved)) {
    return bounds.increment > 0 ? bounds.maximum : bounds.minimum;
  }
  return std::clamp(moved, bounds.minimum, bounds.maximum);
}

// All of the schemas, a text[], without their values.
std::vector<SequenceValue> read_sequences(Session& session, const std::string& schemas) {
  const Rows rows = session.query(R"(
    SELECT n.nspname, c.relname, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle,
           coalesce(tn.nspname, ''), coalesce(tc.relname, ''),
           coalesce(a.attname, '')
    FROM pg_sequence s
    JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
         AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_class tc ON tc.oid = d.refobjid
    LEFT JOIN pg_namespace tn ON tn.oid = tc.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE n.nspname = ANY ($1::text[]))",
                                  {schemas});
  std::vector<SequenceValue> values;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SequenceValue value;
    value.sequence = {std::string(rows.text(i, 0)), std::string(rows.text(i, 1))};
    value.increment = rows.int64(i, 2);
    value.minimum = rows.int64(i, 3);
    value.maximum = rows.int64(i, 4);
    value.cycle = rows.boolean(i, 5);
    value.owner_table = {std::string(rows.text(i, 6)), std::string(rows.text(i, 7))};
    value.owner_column = rows.text(i, 8);
    values.push_back(std::move(value));
  }
  return values;
}

// Statements with `arrays` of one length as parameters, some of their elements in each: a sequence
// that is read or set is locked until the transaction ends.
std::vector<postgres::Statement> some_at_a_time(
    const std::string& sql, const std::vector<std::vector<std::string>>& arrays) {
  std::vector<postgres::Statement> statements;
  const std::size_t count = arrays.front().size();
  for (std::size_t begin = 0; begin < count; begin += most_sequences_at_once) {
    const auto end = static_cast<std::ptrdiff_t>(std::min(count, begin + most_sequences_at_once));
    std::vector<postgres::Param> params;
    for (const std::vector<std::string>& array : arrays) {
      params.emplace_back(
          text_array({array.begin() + static_cast<std::ptrdiff_t>(begin), array.begin() + end}));
    }
    statements.push_back({sql, std::move(params), {}});
  }
  return statements;
}

}  // namespace

std::optional<std::int64_t> advanced_value(const SequenceValue& source, const SequenceValue& target,
                                           std::int64_t margin) {
  if (!source.last_value) {
    return std::nullopt;
  }
  const bool ascending = target.increment > 0;
  std::int64_t wanted = stepped(target, *source.last_value, margin);
  const bool at_bound = wanted == (ascending ? target.maximum : target.minimum);
  if (at_bound) {
    // No room for the margin. A sequence that ends here goes on exactly where the source's stands,
    // so that it fails or cycles when the source's would have.
    wanted = stepped(target, *source.last_value, 0);
  }
  if (!target.last_value) {
    return wanted;
  }
  const bool already = ascending ? *target.last_value >= wanted : *target.last_value <= wanted;
  // A cycling sequence's smaller value may be the later one, so only the source's says where it is.
  if (already && !target.cycle) {
    return std::nullopt;
  }
  return wanted == *target.last_value ? std::nullopt : std::optional(wanted);
}

SequencePairs::SequencePairs(Session& source, Session& target) {
  const std::string schemas(
      target.query("SELECT coalesce(array_agg(name), '{}') FROM crossover.synced_schema")
          .text(0, 0));
  const std::vector<SequenceValue> from = read_sequences(source, schemas);
  for (SequenceValue& value : read_sequences(target, schemas)) {
    if (const SequenceValue* counterpart = find_counterpart(from, value)) {
      sources_.push_back(*counterpart);
      targets_.push_back(std::move(value));
    }
  }
}

SequencePairs::Values SequencePairs::last_values(Session& session,
                                                 const std::vector<SequenceValue>& sequences) {
  Values values;
  if (sequences.empty()) {
    return values;
  }
  std::vector<std::string> names;
  for (const SequenceValue& value : sequences) {
    names.push_back(value.sequence.quoted());
  }
  const auto statements = some_at_a_time(
      "SELECT pg_sequence_last_value(s::regclass) FROM unnest($1::text[]) WITH ORDINALITY AS u(s, "
      "n) ORDER BY n",
      {names});
  for (const Rows& rows : run_in_groups(session, statements, 1)) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      values.push_back(rows.is_null(i, 0) ? std::nullopt : std::optional(rows.int64(i, 0)));
    }
  }
  return values;
}

int SequencePairs::advance(Session& target, const Values& from, const Values& to,
                           std::int64_t margin) const {
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    SequenceValue ahead = sources_[i];
    SequenceValue behind = targets_[i];
    ahead.last_value = from.at(i);
    behind.last_value = to.at(i);
    if (const auto wanted = advanced_value(ahead, behind, margin)) {
      names.push_back(behind.sequence.quoted());
      values.push_back(std::to_string(*wanted));
    }
  }
  if (!names.empty()) {
    run_in_groups(
        target,
        some_at_a_time(
            "SELECT setval(s::regclass, v::bigint) FROM unnest($1::text[], $2::text[]) AS u(s, v)",
            {names, values}),
        1);
  }
  return static_cast<int>(names.size());
}

}  // namespace crossover::sync
