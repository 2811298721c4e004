// What is the same as a moment ago is counted, not told again: one record a minute of each kind, and how
// often there was one since the record before. Pure.
#pragma once

#include "ipc/base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace fob {

/// A Record has a number `repeats`, which is set when it is to be told.
template <class Record>
class Repeats {
 public:
  static constexpr std::chrono::seconds k_pause{60};

  /// Records that say the same.
  struct Kind {
    Record last;
    BootTime until;           ///< no other one is told before
    std::uint64_t count = 0;  ///< since the one that was told
  };

  /// The kind of this name, with this record as its last; and whether that is to be told. Else it is counted.
  std::pair<Kind*, bool> add(std::string name, Record record, BootTime now) {
    const auto [found, is_new] = kinds_.try_emplace(std::move(name));
    Kind& kind = found->second;
    const bool repeated = !is_new && now < kind.until;
    kind.last = std::move(record);
    if (repeated) {
      ++kind.count;
    } else {
      begin_anew(kind, now);
    }
    return {&kind, !repeated};
  }

  /// When there will be something to fold; nothing while nothing is repeated.
  std::optional<BootTime> due() const {
    std::optional<BootTime> first;
    for (const auto& [name, kind] : kinds_)
      if (kind.count > 0 && (!first || kind.until < *first)) first = kind.until;
    return first;
  }

  /// Calls `tell` with the last record of each kind that was repeated and has been silent for long enough.
  template <class Tell>
  void fold(BootTime now, Tell tell) {
    for (auto& [name, kind] : kinds_) {
      if (kind.count == 0 || now < kind.until) continue;
      begin_anew(kind, now);
      tell(kind.last);
    }
  }

  /// Forgets kinds of which there is nothing to tell any more; how many. Only then pointers to them are void.
  std::size_t forget_quiet(BootTime now) {
    return std::erase_if(
        kinds_, [&](const auto& kind) { return kind.second.until <= now && kind.second.count == 0; });
  }

  const std::unordered_map<std::string, Kind>& kinds() const { return kinds_; }

 private:
  static void begin_anew(Kind& kind, BootTime now) {
    kind.last.repeats = std::exchange(kind.count, 0);
    kind.until = now + k_pause;
  }

  std::unordered_map<std::string, Kind> kinds_;
};

}  // namespace fob
