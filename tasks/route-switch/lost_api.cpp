#include "route-switch/lost_api.h"

#include <fmt/format.h>

#include "http/client.h"

namespace crossover::route_switch {
namespace {

using sync::Side;

std::string where(Side to, Progress progress) {
  if (progress == Progress::untouched) {
    return "nothing has been changed: run this step again when the API server answers";
  }
  if (to == Side::old_side) {
    return "the service is safe: it runs on the old database, and requests that are still led to "
           "the new API reach it there; run `route-switch rollback` again when the API server "
           "answers, to lead them back";
  }
  return progress == Progress::moved
             ? "the service was moved to the new database: run this step again when the API server "
               "answers, to see whether it is well"
             : "the service runs on the old database, through whichever API requests are led to: "
               "run this step again, or `route-switch rollback`, when the API server answers";
}

}  // namespace

bool is_lost_api(const Error& error, const kube::Client& client) {
  return error.message().starts_with(
      fmt::format("unable to reach '{}': ", http::origin(client.server())));
}

void tell_where(Error& error, Side to, Progress progress) {
  error.set_hint(
      fmt::format("{}{}{}", error.hint(), error.hint().empty() ? "" : "; ", where(to, progress)));
}

}  // namespace crossover::route_switch
