#include "daemon/broker/operator_interface.hpp"

#include "daemon/broker/metrics.hpp"
#include "daemon/broker/profile_state.hpp"
#include "daemon/broker/routing.hpp"
#include "ipc/wire/control_messages.hpp"
#include "ipc/wire/json.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using std::chrono::seconds;
using wire::Json;

Json whole_seconds(const std::optional<std::chrono::nanoseconds>& time) {
  return time ? Json(std::chrono::ceil<seconds>(*time).count()) : Json(nullptr);
}

class OperatorInterface {
 public:
  OperatorInterface(Broker& broker, const Clock& clock, Operators operators, spdlog::logger& log)
      : broker_(broker), clock_(clock), operators_(operators), log_(log), started_(clock.boot_now()) {
    add("GET", "/v1/status", &OperatorInterface::status);
    add("POST", "/v1/refresh", &OperatorInterface::refresh);
    add("POST", "/v1/reload", &OperatorInterface::reload);
    add("POST", "/v1/credentials/changed", &OperatorInterface::credentials_changed);
    add("GET", "/metrics", &OperatorInterface::metrics);
  }

  asio::awaitable<Response> answer(Request request) {
    const bool allowed = is_operator(operators_, request.peer);
    log_.info("operator call {} {} by process {} of user {}: {}", request.method.substr(0, 16),
              wire::printable(request.target, 64), request.peer.pid, request.peer.uid,
              allowed ? "taken" : "refused");
    if (!allowed)
      co_return problem_response(
          fail(ErrorCode::not_granted,
               "this is for root, fobd's own user and the group fob-admin; try with sudo"));
    co_return co_await route(routes_, std::move(request));
  }

 private:
  using Method = asio::awaitable<Response> (OperatorInterface::*)(Request, wire::Target);

  void add(std::string_view method, std::string_view path, Method handle) {
    routes_.push_back({method, path, [this, handle](Request request, wire::Target target) {
                         return (this->*handle)(std::move(request), std::move(target));
                       }});
  }

  asio::awaitable<Response> status(Request, wire::Target) {
    Json profiles = Json::array();
    for (const auto& keeper : broker_.keepers()) profiles.push_back(profile_state(*keeper, clock_));
    const auto uptime = std::chrono::floor<seconds>(clock_.boot_now() - started_);
    Response response;
    response.body = wire::dump({{"version", FOB_VERSION},
                                {"pid", ::getpid()},
                                {"uptime_s", uptime.count()},
                                {"healthy", !broker_.trouble().has_value()},
                                {"profiles", std::move(profiles)}});
    co_return response;
  }

  asio::awaitable<Response> metrics(Request, wire::Target) {
    std::vector<ProfileSample> samples;
    for (const auto& keeper : broker_.keepers()) samples.push_back({keeper->profile(), keeper->status()});
    Response response;
    response.content_type = k_metrics_type;
    response.body = metrics_text(samples, clock_.boot_now());
    co_return response;
  }

  asio::awaitable<Response> refresh(Request request, wire::Target) {
    const auto keeper = named(request);
    if (!keeper) co_return problem_response(keeper.error());
    const TokenOutcome outcome = co_await (*keeper)->refresh();
    co_return respond(outcome, **keeper);
  }

  asio::awaitable<Response> credentials_changed(Request request, wire::Target) {
    const auto keeper = named(request);
    if (!keeper) co_return problem_response(keeper.error());
    const TokenOutcome outcome = co_await (*keeper)->credential_changed();
    co_return respond(outcome, **keeper);
  }

  asio::awaitable<Response> reload(Request, wire::Target) {
    const auto reloaded = broker_.reload();
    if (!reloaded) co_return problem_response(reloaded.error());
    Response response;
    response.body = wire::dump({{"profiles", broker_.config().profiles.size()}});
    co_return response;
  }

  Result<std::shared_ptr<TokenKeeper>> named(const Request& request) const {
    const auto profile = wire::decode_profile_body(request.body);
    if (!profile) return profile.error();
    return broker_.keeper(*profile);
  }

  // What is in force now, by fingerprint: the token itself is for apps.
  Response respond(const TokenOutcome& outcome, const TokenKeeper& keeper) const {
    if (!outcome) return problem_response(outcome.error());
    const core::Token& token = **outcome;
    Response response;
    response.body = wire::dump({{"profile", keeper.profile()},
                                {"fingerprint", token.fingerprint},
                                {"expires_in", whole_seconds(token.left(clock_.boot_now()))},
                                {"credential_version", token.credential_version}});
    return response;
  }

  Broker& broker_;
  const Clock& clock_;
  Operators operators_;
  spdlog::logger& log_;
  BootTime started_;
  std::vector<Route> routes_;
};

}  // namespace

bool is_operator(const Operators& operators, const transport::Peer& peer) {
  if (peer.uid == 0 || peer.uid == operators.own_uid) return true;
  if (!operators.admin_group) return false;
  return peer.gid == *operators.admin_group ||
         std::find(peer.groups.begin(), peer.groups.end(), *operators.admin_group) != peer.groups.end();
}

Handler operator_interface(Broker& broker, const Clock& clock, Operators operators, spdlog::logger& log) {
  const auto interface = std::make_shared<OperatorInterface>(broker, clock, operators, log);
  return [interface](Request request) { return interface->answer(std::move(request)); };
}

}  // namespace fob::broker
