#include <algorithm>
#include <utility>

#include "postgres/copy.h"
#include "postgres/libpq_connection.h"

namespace crossover::postgres {

CopyOut::CopyOut(CopyOut&& other) noexcept
    : connection_(other.connection_),
      buffer_(std::exchange(other.buffer_, nullptr)),
      done_(std::exchange(other.done_, true)),
      rows_(other.rows_) {}

CopyOut::~CopyOut() {
  cancel();
  release();
}

void CopyOut::release() noexcept { PQfreemem(std::exchange(buffer_, nullptr)); }

bool CopyOut::read(std::string_view& chunk) {
  if (done_) return false;
  release();
  const int length = PQgetCopyData(connection_->get(), &buffer_, 0);
  if (length > 0) {
    chunk = {buffer_, static_cast<std::size_t>(length)};
    return true;
  }
  done_ = true;
  rows_ = Rows(connection_->end_copy()).affected();
  chunk = {};
  return false;
}

void CopyOut::cancel() {
  if (std::exchange(done_, true)) return;
  Canceller(connection_->cancel_handle()).cancel();
  int length = 0;
  do {
    release();
    length = PQgetCopyData(connection_->get(), &buffer_, 0);
  } while (length > 0);
  connection_->discard_copy();
}

CopyIn::CopyIn(CopyIn&& other) noexcept
    : connection_(other.connection_), done_(std::exchange(other.done_, true)) {}

CopyIn::~CopyIn() { abort("the copy was given up"); }

void CopyIn::write(std::string_view bytes) {
  // libpq holds a message whole until it is sent, and keeps the room for the largest.
  static constexpr std::size_t most = std::size_t{1} << 20U;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::min(bytes.size(), most));
    if (done_ ||
        PQputCopyData(connection_->get(), piece.data(), static_cast<int>(piece.size())) != 1) {
      done_ = true;
      connection_->end_copy();     // throws what the server said
      connection_->fail(nullptr);  // a copy that ends well without being told to: never
    }
    bytes.remove_prefix(piece.size());
  }
}

std::uint64_t CopyIn::finish() {
  if (std::exchange(done_, true)) connection_->fail(nullptr);
  PQputCopyEnd(connection_->get(), nullptr);
  return Rows(connection_->end_copy()).affected();
}

void CopyIn::abort(std::string_view reason) {
  if (std::exchange(done_, true)) return;
  PQputCopyEnd(connection_->get(), std::string(reason).c_str());
  connection_->discard_copy();
}

}  // namespace crossover::postgres
