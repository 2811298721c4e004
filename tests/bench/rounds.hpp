// Measures contenders in turns, in short rounds, so that what disturbs the machine disturbs them alike and
// the ratio of two figures of the same round means something though each of them wanders.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace fob::bench {

struct Contender {
  std::string name;
  std::function<void()> once;  ///< what is timed; throws where it did not work
};

struct Length {
  std::size_t rounds;
  std::size_t repeats;  ///< of each contender in a round

  /// From {"rounds", "repeats"}. @throws what nlohmann::json throws
  static Length from(const nlohmann::json& spec);
};

/// {NAME: [the median of a round in ns, …], …}, after one round that does not count.
nlohmann::json alternate(const std::vector<Contender>& contenders, Length length);

/// Runs `body` with the JSON document that is the program's only argument, and prints what it returns.
/// What it throws is said, and the exit status is 1.
int run_program(int argc, char** argv, const std::function<nlohmann::json(const nlohmann::json&)>& body);

}  // namespace fob::bench
