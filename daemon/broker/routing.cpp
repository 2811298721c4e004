#include "daemon/broker/routing.hpp"

#include <utility>

namespace fob::broker {

boost::asio::awaitable<Response> route(const std::vector<Route>& routes, Request request) {
  auto target = wire::decode_target(request.target);
  if (!target) co_return problem_response(target.error());
  std::string allowed;
  std::string paths;
  for (const auto& candidate : routes) {
    if (candidate.path == target->path) {
      if (candidate.method == request.method)
        co_return co_await candidate.handle(std::move(request), std::move(*target));
      allowed += (allowed.empty() ? "" : ", ") + std::string(candidate.method);
    }
    paths += (paths.empty() ? "" : ", ") + std::string(candidate.method) + " " + std::string(candidate.path);
  }
  if (allowed.empty()) co_return problem_response(fail(ErrorCode::not_found, "this socket answers " + paths));
  Response response = problem_response(fail(ErrorCode::method_not_allowed, "this path takes " + allowed));
  response.allow = allowed;
  co_return response;
}

}  // namespace fob::broker
