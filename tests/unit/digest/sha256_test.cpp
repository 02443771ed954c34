#include "digest/sha256.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using namespace crossover;

TEST_CASE("sha256 of the examples of FIPS 180-4") {
  CHECK(digest::sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(digest::sha256("abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("pieces have the digest of the whole, and the object can be used again") {
  digest::Sha256 incremental;
  incremental.update("a").update("").update("bc");
  CHECK(digest::hex(incremental.finish()) == digest::sha256("abc"));
  CHECK(digest::hex(incremental.finish()) == digest::sha256(""));
}

TEST_CASE("equal JSON values have equal digests whatever order they were written in") {
  const auto one = nlohmann::json::parse(R"({"b": [1, 2], "a": {"y": null, "x": "é"}})");
  const auto other = nlohmann::json::parse(R"({ "a": {"x":"é","y":null},"b":[1,2] })");
  CHECK(digest::sha256_json(one) == digest::sha256_json(other));
  CHECK(digest::sha256_json(one) != digest::sha256_json(nlohmann::json::parse(R"({"b": [2, 1]})")));
}

TEST_CASE("a string that is not UTF-8 has no canonical JSON form") {
  CHECK_THROWS_WITH(digest::sha256_json(nlohmann::json("\xff")),
                    "unable to compute 'sha256': a string is not UTF-8");
}
