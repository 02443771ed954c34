#include "http/websocket_frame.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "http/client.h"

namespace crossover::http {

TEST_CASE("frames carry short, medium and long payloads, masked", "[http]") {
  const MaskKey key = {1, 2, 3, 4};
  for (const std::size_t size : {0U, 125U, 126U, 65535U, 65536U}) {
    std::string out;
    append_frame(out, Opcode::binary, key, "h", std::string(size, 'x'));
    const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(out[index]); };
    CHECK(byte(0) == 0x82);
    CHECK((byte(1) & 0x80U) != 0);
    const std::size_t header = size + 1 <= 125 ? 2 : size + 1 <= 65535 ? 4 : 10;
    REQUIRE(out.size() == header + 4 + size + 1);
    CHECK(static_cast<char>(byte(header + 4) ^ key[0]) == 'h');
  }
}

TEST_CASE("a reader gives whole frames from pieces of any size", "[http]") {
  std::string stream(
      "\x82\x03"
      "abc"
      "\x02\x01"
      "d"
      "\x80\x01"
      "e"
      "\x89\x00",
      13);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameReader reader;
    std::string told;
    for (std::size_t from = 0; from < stream.size(); from += piece) {
      reader.feed(std::string_view(stream).substr(from, piece));
      while (const std::optional<Frame> frame = reader.next()) {
        told += std::to_string(static_cast<int>(frame->opcode)) + (frame->final ? "." : "+") +
                std::string(frame->payload) + " ";
      }
    }
    CHECK(told == "2.abc 2+d 0.e 9. ");
  }
}

TEST_CASE("a reader refuses what no server may send", "[http]") {
  const auto error_of = [](std::string_view bytes) -> std::string {
    FrameReader reader(1000);
    reader.feed(bytes);
    try {
      reader.next();
    } catch (const Error& error) {
      return error.message();
    }
    return "none";
  };
  CHECK(error_of({"\xc2\x00", 2}) == "unable to read 'WebSocket': a reserved bit is set");
  CHECK(error_of({"\x82\x80", 2}) == "unable to read 'WebSocket': the server masks its frames");
  CHECK(error_of({"\x89\x7e\x00\x80", 4}) ==
        "unable to read 'WebSocket': a control frame is too long");
  CHECK(error_of({"\x82\x7e\x10\x00", 4}) ==
        "unable to read 'WebSocket': a frame of 4096 bytes is too long");
}

TEST_CASE("the accept value is that of RFC 6455, section 1.3", "[http]") {
  CHECK(accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("origins hold no credentials, components no specials", "[http]") {
  CHECK(origin("https://u:p@host:6443/api?x=1") == "https://host:6443");
  CHECK(origin("http://[::1]:80") == "http://[::1]:80");
  CHECK(encode_component("a b/c=~é") == "a%20b%2Fc%3D~%C3%A9");
}

}  // namespace crossover::http
