#pragma once

#include <string_view>

namespace crossover::document {

/// Whether go-yaml v2 takes `text` for a timestamp: 2001-1-2, "2001-1-2 3:4:5.6", or with T or t
/// and a zone (Z or +07:00). Fields are checked for their range.
bool is_timestamp(std::string_view text);

}  // namespace crossover::document
