// What fob-exchange finds on the way to a profile's endpoint when it goes there without a credential, as one
// line for `fob doctor`. Its words come from the network in part, so the reader bounds and checks them.
#pragma once

#include "ipc/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fob::wire {

/// Where on the way it can end, in its order.
enum class ProbeStep : std::uint8_t {
  configuration,          ///< the profile, and files that it names
  proxy,                  ///< the proxy's name, the way to it, and its leave
  dns,                    ///< the endpoint's name
  connection,             ///< TCP
  certificate_ended,      ///< TLS: the certificate's time is over
  certificate_untrusted,  ///< TLS: it leads to no CA that is trusted
  tls,                    ///< its version, the host's name, the pinned key
  http                    ///< an answer, whatever its status
};

struct Probe {
  /// The step that failed, and why; nothing where the endpoint answered.
  struct Failure {
    ProbeStep step = ProbeStep::configuration;
    ErrorCode code = ErrorCode::internal;  ///< one that has a kind in the table of error.cpp
    std::string detail;                    ///< for a person

    bool operator==(const Failure&) const = default;
  };
  std::optional<Failure> failure;
  int status = 0;                                          ///< of the answer; 0 if there was none
  std::optional<std::chrono::sys_seconds> authority_time;  ///< its Date
  std::optional<std::chrono::milliseconds> clock_skew;     ///< this device's wall clock minus its Date
  std::optional<std::chrono::sys_seconds> trusted_until;   ///< at the latest: when its certificate ends

  bool operator==(const Probe&) const = default;
};

std::string encode(const Probe& probe);
/// One line without its newline. Fails with ErrorCode::bad_answer.
Result<Probe> decode_probe(std::string_view line);

}  // namespace fob::wire
