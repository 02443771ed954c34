#include "sync/copy_through.h"

#include <string_view>

namespace crossover::sync {

namespace {

template <typename Visit>
std::uint64_t carry(postgres::Session& source, const std::string& out_sql,
                    postgres::Session& target, const std::string& in_sql, Visit&& visit) {
  postgres::CopyOut out = source.copy_out(out_sql);
  postgres::CopyIn in = target.copy_in(in_sql);
  for (std::string_view row; out.read(row);) {
    visit(row);
    in.write(row);
  }
  return in.finish();
}

}  // namespace

std::uint64_t copy_through(postgres::Session& source, const std::string& out_sql,
                           postgres::Session& target, const std::string& in_sql) {
  return carry(source, out_sql, target, in_sql, [](std::string_view) {});
}

std::uint64_t copy_through(postgres::Session& source, const std::string& out_sql,
                           postgres::Session& target, const std::string& in_sql,
                           RowDigest& digest) {
  return carry(source, out_sql, target, in_sql, [&](std::string_view row) { digest.add(row); });
}

}  // namespace crossover::sync
