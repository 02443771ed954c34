#include "http/websocket_frame.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/error.h"

namespace crossover::http {

namespace {

constexpr std::uint8_t final_bit = 0x80;
constexpr std::uint8_t mask_bit = 0x80;
constexpr std::size_t short_limit = 125;
constexpr std::uint8_t length_16 = 126;
constexpr std::uint8_t length_64 = 127;

[[noreturn]] void broken(const std::string& what) {
  throw Error(ErrorKind::failure, "unable to read 'WebSocket': " + what);
}

void append_length(std::string& out, std::size_t length) {
  const auto put = [&out](std::uint64_t value, unsigned bytes) {
    for (unsigned shift = bytes * 8; shift > 0; shift -= 8) {
      out += static_cast<char>((value >> (shift - 8)) & 0xffU);
    }
  };
  if (length <= short_limit) {
    put(mask_bit | length, 1);
  } else if (length <= 0xffff) {
    put(mask_bit | length_16, 1);
    put(length, 2);
  } else {
    put(mask_bit | length_64, 1);
    put(length, 8);
  }
}

}  // namespace

void append_frame(std::string& out, Opcode opcode, const MaskKey& key, std::string_view head,
                  std::string_view body) {
  const std::size_t length = head.size() + body.size();
  out.reserve(out.size() + length + 14);
  out += static_cast<char>(final_bit | static_cast<std::uint8_t>(opcode));
  append_length(out, length);
  out.append(key.begin(), key.end());
  const std::size_t start = out.size();
  out.append(head);
  out.append(body);
  char* payload = out.data() + start;
  for (std::size_t index = 0; index < length; ++index) {
    payload[index] = static_cast<char>(static_cast<std::uint8_t>(payload[index]) ^ key[index & 3U]);
  }
}

void FrameReader::feed(std::string_view bytes) {
  if (start_ > 0) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<Frame> FrameReader::next() {
  const std::string_view data = std::string_view(buffer_).substr(start_);
  if (data.size() < 2) {
    return std::nullopt;
  }
  const auto byte = [&data](std::size_t index) { return static_cast<std::uint8_t>(data[index]); };
  if ((byte(0) & 0x70U) != 0) {
    broken("a reserved bit is set");
  }
  if ((byte(1) & mask_bit) != 0) {
    broken("the server masks its frames");
  }
  std::uint64_t length = byte(1);
  std::size_t header = 2;
  if (length >= length_16) {
    const std::size_t extra = length == length_16 ? 2 : 8;
    header += extra;
    if (data.size() < header) {
      return std::nullopt;
    }
    length = 0;
    for (std::size_t index = 2; index < header; ++index) {
      length = length << 8U | byte(index);
    }
  }
  const auto opcode = static_cast<Opcode>(byte(0) & 0x0fU);
  if (static_cast<std::uint8_t>(opcode) >= static_cast<std::uint8_t>(Opcode::close) &&
      length > short_limit) {
    broken("a control frame is too long");
  }
  if (length > limit_) {
    broken(fmt::format("a frame of {} bytes is too long", length));
  }
  if (data.size() < header + length) {
    return std::nullopt;
  }
  start_ += header + length;
  return Frame{(byte(0) & final_bit) != 0, opcode, data.substr(header, length)};
}

std::string accept_value(std::string_view key) {
  // The constant of RFC 6455, section 1.3. SHA-1 proves nothing here, it only tells a WebSocket
  // server from another that echoes.
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    throw Error(ErrorKind::failure, "unable to hash 'Sec-WebSocket-Key': libcrypto refuses SHA-1");
  }
  std::string encoded(4 * ((size + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                     digest.data(), static_cast<int>(size));
  encoded.resize(static_cast<std::size_t>(length));
  return encoded;
}

}  // namespace crossover::http
