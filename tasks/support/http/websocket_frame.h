#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crossover::http {

/// RFC 6455, section 5.2.
enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

using MaskKey = std::array<std::uint8_t, 4>;

/// Appends one final, masked frame with the payload `head` + `body` to `out`.
void append_frame(std::string& out, Opcode opcode, const MaskKey& key, std::string_view head,
                  std::string_view body);

struct Frame {
  bool final = true;
  Opcode opcode = Opcode::binary;
  std::string_view payload;  ///< valid until the next call to the reader
};

/// Takes bytes as they come and gives whole frames. A server's frames are unmasked; a masked one,
/// a reserved bit, a control frame above 125 bytes or one above `limit` is Error{failure}.
class FrameReader {
 public:
  explicit FrameReader(std::size_t limit = std::size_t{16} << 20U) : limit_(limit) {}
  void feed(std::string_view bytes);
  std::optional<Frame> next();

 private:
  std::size_t limit_;
  std::string buffer_;
  std::size_t start_ = 0;  // of what has not been given yet
};

/// The value of Sec-WebSocket-Accept that answers `key` (RFC 6455, section 4.2.2).
std::string accept_value(std::string_view key);

}  // namespace crossover::http
