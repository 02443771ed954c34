#include "sync/copy_through.h"

#include <string_view>

namespace crossover::sync {

std::uint64_t copy_through(postgres::Session& source, const std::string& out_sql,
                           postgres::Session& target, const std::string& in_sql) {
  postgres::CopyOut out = source.copy_out(out_sql);
  postgres::CopyIn in = target.copy_in(in_sql);
  for (std::string_view chunk; out.read(chunk);) {
    in.write(chunk);
  }
  return in.finish();
}

}  // namespace crossover::sync
