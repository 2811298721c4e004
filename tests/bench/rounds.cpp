#include "tests/bench/rounds.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>

namespace fob::bench {
namespace {

std::int64_t median_ns(const Contender& contender, std::size_t repeats) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::int64_t> times;
  times.reserve(repeats);
  for (std::size_t i = 0; i < repeats; ++i) {
    const auto begin = Clock::now();
    contender.once();
    times.push_back(std::chrono::nanoseconds(Clock::now() - begin).count());
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(repeats / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace

Length Length::from(const nlohmann::json& spec) {
  return {spec.at("rounds").get<std::size_t>(),
          std::max(std::size_t{1}, spec.at("repeats").get<std::size_t>())};
}

nlohmann::json alternate(const std::vector<Contender>& contenders, Length length) {
  nlohmann::json result;
  for (std::size_t round = 0; round <= length.rounds; ++round) {
    // Each other round the other way about: who comes after whom is no advantage.
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const auto& contender = contenders[round % 2 == 0 ? i : contenders.size() - 1 - i];
      const auto median = median_ns(contender, length.repeats);
      if (round > 0) result[contender.name].push_back(median);
    }
  }
  return result;
}

int run_program(int argc, char** argv, const std::function<nlohmann::json(const nlohmann::json&)>& body) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s JSON (see tests/bench/*.py)\n", argv[0]);
    return 2;
  }
  try {
    std::puts(body(nlohmann::json::parse(argv[1])).dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace fob::bench
