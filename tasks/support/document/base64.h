#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace crossover::document {

/// The bytes of standard padded base64 (RFC 4648, section 4); line ends are skipped, anything else
/// that doesn't belong gives nothing.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace crossover::document
