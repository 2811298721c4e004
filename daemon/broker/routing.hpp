// The table of what an interface answers. What is not listed is refused: 404 for an unknown path, 405 with
// Allow for a method that its path does not take.
#pragma once

#include "daemon/broker/http_server.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::broker {

struct Route {
  std::string_view method;
  std::string_view path;
  std::function<boost::asio::awaitable<Response>(Request, wire::Target)> handle;
};

/// Answers `request` by the first route that fits. The routes outlive the call.
boost::asio::awaitable<Response> route(const std::vector<Route>& routes, Request request);

}  // namespace fob::broker
