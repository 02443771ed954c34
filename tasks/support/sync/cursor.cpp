#include "sync/cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

constexpr std::uint64_t most_rows_at_once = 1000;
constexpr std::uint64_t most_bytes_at_once = std::uint64_t{1} << 20U;
constexpr std::uint64_t fastest_growth = 8;

std::uint64_t bytes_of(const Rows& rows) {
  std::uint64_t bytes = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < rows.columns(); ++column) {
      bytes += rows.text(row, column).size();
    }
  }
  return bytes;
}

}  // namespace

Cursor::Cursor(Session& session, std::string name, const std::string& query)
    : session_(session), name_(std::move(name)) {
  session_.batch(fmt::format("DECLARE {} NO SCROLL CURSOR FOR {}", name_, query));
}

Cursor::~Cursor() {
  if (session_.broken() || !session_.in_transaction() || session_.in_failed_transaction()) {
    return;
  }
  try {
    session_.batch("CLOSE " + name_);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the transaction's end closes it too
  }
}

bool Cursor::next(Rows& rows) {
  rows = fetch(at_once_);
  if (rows.empty()) {
    return false;
  }
  const std::uint64_t width = bytes_of(rows) / rows.size() + 1;
  at_once_ = std::clamp<std::uint64_t>(most_bytes_at_once / width, 1,
                                       std::min(most_rows_at_once, fastest_growth * at_once_));
  return true;
}

Rows Cursor::fetch(std::size_t count) {
  return session_.query(fmt::format("FETCH {} FROM {}", count, name_));
}

void Cursor::skip(std::size_t count) {
  if (count > 0) {
    session_.batch(fmt::format("MOVE {} IN {}", count, name_));
  }
}

}  // namespace crossover::sync
