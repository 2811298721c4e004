// One exchange from beginning to end: request → configuration → credential → authority → answer. Every way in
// which it can fail is an answer too.
#pragma once

#include "daemon/config/locations.hpp"
#include "daemon/exchanger/http_message.hpp"
#include "ipc/base/clock.hpp"
#include "ipc/wire/exchange_line.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace fob::exchanger {

/// What an exchange needs of the world. `post` is HttpLibrary::post, or a test's own.
struct Surroundings {
  const config::Locations& locations;
  const Clock& clock;
  std::function<HttpOutcome(const HttpRequest&)> post;
  std::chrono::sys_seconds build_epoch;
  std::optional<std::string> only_profile = {};  ///< the one that this exchanger is for; nothing: any
};

/// `line` is the request as it came.
wire::ExchangeAnswer exchange(std::string_view line, const Surroundings& around);

}  // namespace fob::exchanger
