#include "daemon/broker/operator_interface.hpp"

#include "daemon/broker/audit_text.hpp"
#include "daemon/broker/explanation.hpp"
#include "daemon/broker/profile_state.hpp"
#include "daemon/broker/routing.hpp"
#include "ipc/wire/control_messages.hpp"
#include "ipc/wire/event_stream.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using std::chrono::seconds;
using wire::Json;

// Of a call, in the audit.
constexpr std::size_t k_max_method = 16;
constexpr std::size_t k_max_path = 64;

class OperatorInterface {
 public:
  OperatorInterface(Broker& broker, const Clock& clock, Operators operators, Sockets sockets)
      : broker_(broker),
        clock_(clock),
        operators_(operators),
        sockets_(std::move(sockets)),
        started_(clock.boot_now()),
        started_wall_(clock.wall_now()) {
    add("GET", "/v1/status", &OperatorInterface::status);
    add("POST", "/v1/refresh", &OperatorInterface::refresh);
    add("POST", "/v1/reload", &OperatorInterface::reload);
    add("POST", "/v1/credentials/changed", &OperatorInterface::credentials_changed);
    add("GET", "/v1/explain", &OperatorInterface::explain);
    add("GET", "/v1/audit", &OperatorInterface::audit);
    add("GET", "/metrics", &OperatorInterface::metrics);
  }

  asio::awaitable<Response> answer(Request request) {
    const bool allowed = is_operator(operators_, request.peer);
    note(request, allowed);
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

  void note(const Request& request, bool allowed) {
    core::AuditRecord record;
    record.what = "operator " + request.method.substr(0, k_max_method) + " " +
                  wire::printable(request.target.substr(0, request.target.find('?')), k_max_path);
    record.granted = allowed;
    if (!allowed) record.outcome = traits(ErrorCode::not_granted).urn;
    record.peer = facts_at_accept(request.peer, broker_.fact_sources().labels);
    broker_.audit()->note(std::move(record));
  }

  asio::awaitable<Response> explain(Request, wire::Target target) {
    const auto question = decode_explain_query(target);
    if (!question) co_return problem_response(question.error());
    const auto facts = co_await facts_asked_for(*question, broker_.fact_sources(), broker_.own_manager());
    if (!facts) co_return problem_response(facts.error());
    Response response;
    response.body = wire::dump(explanation(*question, *facts, broker_));
    co_return response;
  }

  asio::awaitable<Response> audit(Request, wire::Target target) {
    Response response;
    const auto follow = decode_follow(target);
    if (!follow) co_return problem_response(follow.error());
    if (*follow) {
      response.content_type = "text/event-stream";
      response.events = [audit = broker_.audit()](EventSinkPtr sink) { return tell(audit, std::move(sink)); };
      co_return response;
    }
    Json records = Json::array();
    for (const auto& record : broker_.audit()->kept()) records.push_back(to_json(record));
    response.body = wire::dump({{"records", std::move(records)}});
    co_return response;
  }

  static Result<bool> decode_follow(const wire::Target& target) {
    if (target.parameters.empty()) return true;
    const auto& [name, value] = target.parameters.front();
    if (target.parameters.size() == 1 && name == "follow" && (value == "0" || value == "1"))
      return value == "1";
    return fail(ErrorCode::bad_request,
                "this path takes follow=0 (what is kept) or follow=1, and nothing else");
  }

  // What is kept first, then each record as it is made. A reader that is slow misses the oldest.
  static asio::awaitable<void> tell(std::shared_ptr<Audit> audit, EventSinkPtr sink) {
    auto follower = std::make_shared<Audit::Follower>(audit);
    std::uint64_t told = 0;
    bool taken = true;
    while (taken) {
      sink->when_gone([follower] { follower->wake(); });
      co_await follower->change(wire::k_heartbeat_interval);
      std::string text;
      for (const auto& record : audit->kept()) {
        if (record.number <= told) continue;
        text += encode(wire::Event{"audit", wire::dump(to_json(record))});
        told = record.number;
      }
      if (text.empty()) text = wire::k_heartbeat;
      taken = co_await sink->send(std::move(text));
    }
    sink->when_gone(nullptr);
  }

  asio::awaitable<Response> status(Request, wire::Target) {
    Json profiles = Json::array();
    for (const auto& keeper : broker_.keepers())
      profiles.push_back(profile_state_for_operators(*keeper, clock_));
    const auto uptime = std::chrono::floor<seconds>(clock_.boot_now() - started_);
    Response response;
    response.body = wire::dump({{"version", FOB_VERSION},
                                {"pid", ::getpid()},
                                {"uptime_s", uptime.count()},
                                {"healthy", !broker_.trouble().has_value()},
                                {"profiles", std::move(profiles)}});
    co_return response;
  }

  asio::awaitable<Response> metrics(Request request, wire::Target) {
    DaemonSample sample{{}, sockets_(), started_wall(), clock_.boot_now(), clock_.wall_now()};
    for (const auto& keeper : broker_.keepers())
      sample.profiles.push_back({keeper->profile(), keeper->status()});
    const Exposed format = exposed_for(request.accept);
    Response response;
    response.content_type = content_type(format);
    response.body = metrics_text(sample, format);
    co_return response;
  }

  // By the clock of now, which may have been set since; but what it drifts by is no other start.
  WallTime started_wall() {
    const auto uptime = std::chrono::floor<std::chrono::milliseconds>(clock_.boot_now() - started_);
    const WallTime start = clock_.wall_now() - uptime;
    if (std::chrono::abs(start - started_wall_) >= seconds(1)) started_wall_ = start;
    return started_wall_;
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
    response.body =
        wire::dump({{"profile", keeper.profile()},
                    {"fingerprint", token.fingerprint},
                    {"expires_in", std::chrono::ceil<seconds>(token.left(clock_.boot_now())).count()},
                    {"credential_version", token.credential_version}});
    return response;
  }

  Broker& broker_;
  const Clock& clock_;
  Operators operators_;
  Sockets sockets_;
  BootTime started_;
  WallTime started_wall_;
  std::vector<Route> routes_;
};

}  // namespace

bool is_operator(const Operators& operators, const transport::Peer& peer) {
  if (peer.uid == 0 || peer.uid == operators.own_uid) return true;
  if (!operators.admin_group) return false;
  return peer.gid == *operators.admin_group ||
         std::find(peer.groups.begin(), peer.groups.end(), *operators.admin_group) != peer.groups.end();
}

Handler operator_interface(Broker& broker, const Clock& clock, Operators operators, Sockets sockets) {
  const auto interface = std::make_shared<OperatorInterface>(broker, clock, operators, std::move(sockets));
  return [interface, &broker](Request request) {
    broker.look();
    return interface->answer(std::move(request));
  };
}

}  // namespace fob::broker
