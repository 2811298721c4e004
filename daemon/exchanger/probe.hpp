// The way to a profile's endpoint, gone without a credential: what `fob doctor` shows of network, proxy, TLS
// and clock. No store is opened for it, and nothing that is sent tells who asks.
#pragma once

#include "daemon/config/locations.hpp"
#include "daemon/exchanger/http_message.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/wire/probe_line.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace fob::exchanger {

/// What a probe needs of the world. `look` is HttpLibrary::look, or a test's own.
struct ProbeSurroundings {
  const config::Locations& locations;
  const Clock& clock;
  std::function<HttpSight(const HttpRequest&)> look;
  std::chrono::sys_seconds build_epoch;
};

wire::Probe probe(const std::string& profile, const ProbeSurroundings& around);

}  // namespace fob::exchanger
