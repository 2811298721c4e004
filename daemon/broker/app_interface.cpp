#include "daemon/broker/app_interface.hpp"

#include "daemon/broker/routing.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// To the nearest second, but a token that is alive is never called spent.
seconds shown_seconds(nanoseconds left) { return std::max(std::chrono::round<seconds>(left), seconds(1)); }

class AppInterface {
 public:
  AppInterface(Broker& broker, const Clock& clock) : broker_(broker), clock_(clock) {
    add("GET", "/v1/token", &AppInterface::token);
    add("POST", "/v1/token/rejected", &AppInterface::rejected);
    add("GET", "/v1/profiles", &AppInterface::profiles);
    add("GET", "/healthz", &AppInterface::health);
  }

  const std::vector<Route>& routes() const { return routes_; }

 private:
  using Method = asio::awaitable<Response> (AppInterface::*)(Request, wire::Target);

  void add(std::string_view method, std::string_view path, Method handle) {
    routes_.push_back({method, path, [this, handle](Request request, wire::Target target) {
                         return (this->*handle)(std::move(request), std::move(target));
                       }});
  }

  asio::awaitable<Response> token(Request request, wire::Target target) {
    const auto query = wire::decode_token_query(target);
    if (!query) co_return problem_response(query.error());
    const auto keeper = broker_.keeper_for(request.peer, query->profile);
    if (!keeper) co_return problem_response(keeper.error());
    const TokenOutcome outcome = co_await (*keeper)->token(query->min_ttl, query->wait);
    co_return respond(outcome, (*keeper)->profile(), request.accept);
  }

  asio::awaitable<Response> rejected(Request request, wire::Target target) {
    if (!target.parameters.empty())
      co_return problem_response(
          fail(ErrorCode::bad_request, "this path takes a JSON body and no parameters"));
    const auto report = wire::decode_rejected_report(request.body);
    if (!report) co_return problem_response(report.error());
    const auto keeper = broker_.keeper_for(request.peer, report->profile);
    if (!keeper) co_return problem_response(keeper.error());
    const TokenOutcome outcome =
        co_await (*keeper)->replace_rejected(report->fingerprint, wire::k_default_wait);
    co_return respond(outcome, (*keeper)->profile(), request.accept);
  }

  asio::awaitable<Response> profiles(Request request, wire::Target target) {
    if (!target.parameters.empty())
      co_return problem_response(fail(ErrorCode::bad_request, "this path takes no parameters"));
    wire::Json list = wire::Json::array();
    for (const auto& keeper : broker_.keepers_for(request.peer)) {
      const auto status = keeper->status();
      wire::Json profile = {{"profile", keeper->profile()}, {"state", state_word(status)}};
      if (status.token) {
        profile["scopes"] = status.token->scopes;
        profile["expires_in"] = shown_seconds(status.token->left(clock_.boot_now())).count();
      }
      list.push_back(std::move(profile));
    }
    Response response;
    response.body = wire::dump({{"profiles", std::move(list)}});
    co_return response;
  }

  asio::awaitable<Response> health(Request, wire::Target) {
    const auto unhealthy = broker_.unhealthy_profile();
    Response response;
    response.body = R"({"status":"ok"})";
    // Anyone may ask, so the answer names no profile.
    if (unhealthy)
      response = problem_response({ErrorCode::no_credential,
                                   "a profile has no valid token; an operator sees why with: fob status",
                                   {}});
    co_return response;
  }

  Response respond(const TokenOutcome& outcome, const std::string& profile, const std::string& accept) const {
    if (!outcome) return problem_response(outcome.error());
    const core::Token& token = **outcome;
    const nanoseconds left = token.left(clock_.boot_now());
    Response response;
    if (accept.starts_with("text/plain")) {
      response.content_type = "text/plain";
      response.body = token.access_token;
      return response;
    }
    const wire::TokenAnswer answer{token.access_token,
                                   shown_seconds(left),
                                   clock_.wall_now() + std::chrono::round<std::chrono::milliseconds>(left),
                                   profile,
                                   token.scopes,
                                   token.fingerprint};
    response.body = encode(answer);
    return response;
  }

  Broker& broker_;
  const Clock& clock_;
  std::vector<Route> routes_;
};

}  // namespace

Handler app_interface(Broker& broker, const Clock& clock) {
  const auto interface = std::make_shared<AppInterface>(broker, clock);
  return [interface](Request request) { return route(interface->routes(), std::move(request)); };
}

}  // namespace fob::broker
