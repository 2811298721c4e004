// What the sandbox has seen, so that a test can say "one exchange, however many asked".
#pragma once

#include "tests/authority/http.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace fob::authority {

struct Stats {
  struct Token {
    std::uint64_t total = 0;
    std::uint64_t issued = 0;
    std::uint64_t rejected = 0;   ///< wrong pair, or deactivated
    std::uint64_t malformed = 0;  ///< any other refusal
    std::uint64_t faulted = 0;    ///< a fault took or changed the answer
    std::uint64_t in_flight = 0;
    std::uint64_t most_in_flight = 0;
  };
  struct Api {
    std::uint64_t total = 0;
    std::uint64_t accepted = 0;
    std::uint64_t unauthorized = 0;  ///< no token, not ours, expired
    std::uint64_t out_of_scope = 0;
    std::uint64_t foreign_origin = 0;
    std::uint64_t malformed = 0;
    std::uint64_t faulted = 0;
  };

  Token token;
  Api api;
  std::uint64_t redirects_followed = 0;
  std::map<std::string, std::uint64_t> issued_by_client;

  /// All counters at zero; what is in flight stays so.
  void reset();
};

Json to_json(const Stats& stats);

}  // namespace fob::authority
