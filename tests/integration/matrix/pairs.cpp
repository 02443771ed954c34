#include "integration/matrix/pairs.h"

#include <fmt/format.h>

#include <cstdio>
#include <sstream>
#include <string>

#include "base/error.h"

namespace crossover::test::matrix {
namespace {

bool known(int version) { return version >= first_version && version <= last_version; }

Pair read_pair(const std::string& text) {
  Pair pair;
  int length = 0;
  const int read =
      std::sscanf(text.c_str(), "%2d-%2d%n", &pair.old_version, &pair.new_version, &length);
  if (read != 2 || static_cast<std::size_t>(length) != text.size() || !known(pair.old_version) ||
      !known(pair.new_version)) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to read pair '{}': it is not OLD-NEW, two versions from {} to "
                            "{}",
                            text, first_version, last_version));
  }
  return pair;
}

}  // namespace

std::vector<Pair> all_pairs() {
  std::vector<Pair> pairs;
  for (int before = first_version; before <= last_version; ++before) {
    for (int after = first_version; after <= last_version; ++after) {
      pairs.push_back({before, after});
    }
  }
  return pairs;
}

std::vector<Pair> covering_pairs() {
  std::vector<Pair> pairs;
  for (int version = first_version; version < last_version; ++version) {
    pairs.push_back({version, version + 1});
  }
  pairs.push_back({first_version, last_version});
  pairs.push_back({last_version, first_version});
  pairs.push_back({last_version, last_version});
  return pairs;
}

std::vector<Pair> read_pairs(std::string_view text) {
  if (text.empty()) {
    return covering_pairs();
  }
  if (text == "all") {
    return all_pairs();
  }
  std::vector<Pair> pairs;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    pairs.push_back(read_pair(word));
  }
  return pairs;
}

}  // namespace crossover::test::matrix
