#include "sync/row_digest.h"

#include <fmt/format.h>

#include <cstring>

#include "digest/sha256.h"

namespace crossover::sync {

namespace {

struct Halves {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

Halves halves(std::string_view row) {
  const digest::Sha256Bytes bytes = digest::sha256_bytes(row);
  Halves halves;
  std::memcpy(&halves.high, bytes.data(), sizeof halves.high);
  std::memcpy(&halves.low, bytes.data() + sizeof halves.high, sizeof halves.low);
  return halves;
}

}  // namespace

void RowDigest::add(std::string_view row) {
  const Halves more = halves(row);
  low_ += more.low;
  high_ += more.high + (low_ < more.low ? 1 : 0);
  ++rows_;
}

void RowDigest::remove(std::string_view row) {
  const Halves less = halves(row);
  high_ -= less.high + (low_ < less.low ? 1 : 0);
  low_ -= less.low;
  --rows_;
}

std::string RowDigest::hex() const { return fmt::format("{:016x}{:016x}", high_, low_); }

RowDigest digest_copy(postgres::Session& session, std::string_view copy_sql, Progress& progress) {
  constexpr std::uint64_t rows_at_a_time = 1000;  // whoever shows them takes a lock
  RowDigest digest;
  postgres::CopyOut out = session.copy_out(copy_sql);
  for (std::string_view row; out.read(row);) {
    digest.add(row);
    if (digest.rows() % rows_at_a_time == 0) {
      progress.add(rows_at_a_time);
    }
  }
  progress.add(digest.rows() % rows_at_a_time);
  return digest;
}

RowDigest digest_copy(postgres::Session& session, std::string_view copy_sql) {
  NoProgress nowhere;
  return digest_copy(session, copy_sql, nowhere);
}

}  // namespace crossover::sync
