#include "postgres/libpq_pipeline.h"

#include <poll.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "postgres/libpq_kept_rows.h"

namespace crossover::postgres {
namespace {

// What sockets always hold.
constexpr std::size_t most_sent_at_once = 32U << 10U;

std::size_t bytes_of(const Statement& statement) {
  std::size_t bytes = statement.sql.size() + statement.prepared.size() + 50;
  for (const Param& param : statement.params) bytes += param ? param->size() : 0;
  return bytes;
}

}  // namespace

Pipeline::Pipeline(Connection& connection, std::uint64_t most_bytes)
    : connection_(connection), bytes_left_(most_bytes) {
  PQsetnonblocking(connection_.get(), 1);
  PQenterPipelineMode(connection_.get());
}

Pipeline::~Pipeline() {
  PQexitPipelineMode(connection_.get());
  PQsetnonblocking(connection_.get(), 0);
}

// What the server has said before is the cause of what libpq says now.
void Pipeline::fail() const {
  if (first_error_) throw *first_error_;
  connection_.fail(nullptr);
}

// Reads while it writes: with both sides' socket buffers full, two peers that only write would wait
// for each other for ever.
void Pipeline::flush() {
  PGconn* connection = connection_.get();
  for (;;) {
    const int left = PQflush(connection);
    if (left == 0) return;
    if (left < 0) fail();
    pollfd entry{PQsocket(connection), POLLIN | POLLOUT, 0};
    if (::poll(&entry, 1, -1) < 0 && errno != EINTR) fail();
    if ((entry.revents & POLLIN) != 0 && PQconsumeInput(connection) != 1) fail();
  }
}

void Pipeline::take_until(const std::vector<Statement>& statements, std::size_t end) {
  while (taken_ < end) {
    take(statements[taken_]);
    if (connection_.broken()) fail();
  }
}

// Each statement's results end with a null.
void Pipeline::take(const Statement& statement) {
  ++taken_;
  std::optional<KeptRows> kept;
  if (statement.bounded && PQsetSingleRowMode(connection_.get()) == 1) kept.emplace(bytes_left_);
  while (PGresult* raw = PQgetResult(connection_.get())) {
    const Result result = own(raw);
    if (kept && PQresultStatus(raw) == PGRES_SINGLE_TUPLE) {
      kept->add(raw);
    } else if (succeeded(raw)) {
      results_.push_back(kept ? kept->take(result) : Rows(result));
    } else if (!first_error_) {
      first_error_ = std::make_unique<Error>(connection_.error_of(raw));
      first_error_->add_context("statement " + std::to_string(taken_));
    }
    if (connection_.broken()) return;
  }
}

std::vector<Rows> Pipeline::run(const std::vector<Statement>& statements) {
  results_.reserve(statements.size());
  std::size_t sent = 0;
  bool bounded = false;
  for (std::size_t index = 0; index < statements.size(); ++index) {
    if (bounded && sent >= most_sent_at_once) {
      if (PQsendFlushRequest(connection_.get()) != 1) fail();
      flush();
      take_until(statements, index);
      sent = 0;
      bounded = false;
    }
    if (connection_.send(statements[index]) != 1) fail();
    sent += bytes_of(statements[index]);
    bounded |= statements[index].bounded;
  }
  if (PQpipelineSync(connection_.get()) != 1) fail();
  flush();
  take_until(statements, statements.size());
  own(PQgetResult(connection_.get()));  // the sync
  if (first_error_ || results_.size() != statements.size()) fail();
  return std::move(results_);
}

}  // namespace crossover::postgres
