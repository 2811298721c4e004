#include "daemon/broker/app_interface.hpp"

#include "daemon/broker/following.hpp"
#include "daemon/broker/profile_state.hpp"
#include "daemon/broker/routing.hpp"
#include "daemon/broker/token_answer.hpp"
#include "daemon/broker/token_pages.hpp"
#include "ipc/wire/event_stream.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/problem_json.hpp"
#include "ipc/wire/token_page.hpp"

#include <boost/beast/core/string.hpp>

#include <map>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

// A page's reader may have lost what it was granted by without a change of the page.
constexpr std::chrono::hours k_look_at_page_reader{1};

class AppInterface : public std::enable_shared_from_this<AppInterface> {
 public:
  AppInterface(Broker& broker, const Clock& clock) : broker_(broker), clock_(clock), pages_(broker, clock) {
    add("GET", "/v1/token", &AppInterface::token);
    add("POST", "/v1/token/rejected", &AppInterface::rejected);
    add("GET", "/v1/events", &AppInterface::events);
    add("GET", "/v1/token/page", &AppInterface::page);
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

  // A reload while it waited may have taken the grant away: of the profile whose token it waited for, whether
  // or not it was named.
  Judgement judged_since(std::uint64_t generation, const core::PeerFacts& facts,
                         const Judgement& judgement) const {
    return generation == broker_.generation() ? judgement : broker_.keeper_for(facts, judgement.profile);
  }

  asio::awaitable<Response> token(Request request, wire::Target target) {
    const auto query = wire::decode_token_query(target);
    if (!query) co_return problem_response(query.error());
    const auto facts = co_await facts_of(request.peer, request.acquaintance);
    const std::uint64_t generation = broker_.generation();
    const Judgement judgement = broker_.keeper_for(facts, query->profile);
    if (!judgement.keeper) co_return refused("token", facts, judgement);
    const auto keeper = *judgement.keeper;
    const TokenOutcome outcome = co_await keeper->token(query->min_ttl, query->wait);
    const Judgement since = judged_since(generation, facts, judgement);
    if (!since.keeper) co_return refused("token", facts, since);
    const auto ticket = note("token", facts, since, outcome);
    if (outcome) keeper->handed_to(facts, core::Handing::request);
    Response response = respond(outcome, keeper->profile(), request.accept);
    if (outcome && generation == broker_.generation() && may_repeat(request, facts))
      response.repeat = std::make_shared<TokenRepeat>(broker_, keeper, query->min_ttl,
                                                      answers_for(keeper->profile(), request.accept),
                                                      *outcome, ticket, request.peer.uid, clock_);
    co_return response;
  }

  asio::awaitable<Response> rejected(Request request, wire::Target target) {
    if (!target.parameters.empty())
      co_return problem_response(
          fail(ErrorCode::bad_request, "this path takes a JSON body and no parameters"));
    const auto report = wire::decode_rejected_report(request.body);
    if (!report) co_return problem_response(report.error());
    const auto facts = co_await facts_of(request.peer, request.acquaintance);
    const std::uint64_t generation = broker_.generation();
    const Judgement judgement = broker_.keeper_for(facts, report->profile);
    if (!judgement.keeper) co_return refused("rejected", facts, judgement);
    const auto keeper = *judgement.keeper;
    const TokenOutcome outcome = co_await keeper->replace_rejected(report->fingerprint, wire::k_default_wait);
    const Judgement since = judged_since(generation, facts, judgement);
    if (!since.keeper) co_return refused("rejected", facts, since);
    note("rejected", facts, since, outcome);
    if (outcome) keeper->handed_to(facts, core::Handing::request);
    co_return respond(outcome, keeper->profile(), request.accept);
  }

  asio::awaitable<Response> events(Request request, wire::Target target) {
    const auto profile = wire::decode_profile_query(target);
    if (!profile) co_return problem_response(profile.error());
    auto facts = co_await facts_of(request.peer, request.acquaintance);
    const Judgement judgement = broker_.keeper_for(facts, *profile);
    if (!judgement.keeper) co_return refused("events", facts, judgement);
    co_return stream_of(*judgement.keeper, request.peer, std::move(facts));
  }

  Response stream_of(std::shared_ptr<TokenKeeper> keeper, transport::Peer peer, core::PeerFacts facts) {
    Response response;
    response.content_type = "text/event-stream";
    response.events = [self = shared_from_this(), keeper = std::move(keeper), peer = std::move(peer),
                       facts = std::move(facts)](EventSinkPtr sink) {
      return tell(self, std::move(sink), keeper, peer, facts);
    };
    return response;
  }

  asio::awaitable<Response> page(Request request, wire::Target target) {
    const auto profile = wire::decode_profile_query(target);
    if (!profile) co_return problem_response(profile.error());
    if (!boost::beast::iequals(request.upgrade, wire::k_page_protocol))
      co_return problem_response(fail(
          ErrorCode::bad_request, "a token page is had with the headers Connection: Upgrade and Upgrade: " +
                                      std::string(wire::k_page_protocol)));
    auto facts = co_await facts_of(request.peer, request.acquaintance);
    const Judgement judgement = broker_.keeper_for(facts, *profile);
    if (!judgement.keeper) co_return refused("page", facts, judgement);
    auto page = pages_.page(*judgement.keeper, broker_.policy().granted_by(*judgement.decision));
    if (!page) co_return problem_response(page.error());
    co_return page_response(std::move(*page), request.peer, std::move(facts), judgement.profile);
  }

  Response page_response(std::shared_ptr<SharedPage> page, transport::Peer peer, core::PeerFacts facts,
                         const std::string& profile) {
    Response response;
    response.status = 101;
    response.upgrade = Upgrade{std::string(wire::k_page_protocol),
                               std::string(wire::k_boottime_header) + ": " +
                                   std::to_string(clock_.boot_now().time_since_epoch().count()) + "\r\n",
                               page->descriptor()};
    // From here on the page is kept in step: it is right when the reader maps it.
    auto reader = std::make_shared<SharedPage::Reader>(page, broker_.executor());
    response.events = [self = shared_from_this(), page = std::move(page), reader = std::move(reader),
                       peer = std::move(peer), facts = std::move(facts), profile](EventSinkPtr sink) {
      return tell_of_page(self, std::move(sink), page, reader, peer, facts, profile);
    };
    return response;
  }

  // A byte for each change. A reader that does not take them misses nothing: what is new stands in the page.
  static asio::awaitable<void> tell_of_page(std::shared_ptr<AppInterface> self, EventSinkPtr sink,
                                            std::shared_ptr<SharedPage> page,
                                            std::shared_ptr<SharedPage::Reader> reader, transport::Peer peer,
                                            core::PeerFacts facts, std::string profile) {
    sink->when_gone([reader] { reader->wake(); });
    bool taken = true;
    bool first = true;
    while (taken) {
      const bool changed = co_await reader->change(k_look_at_page_reader);
      facts = facts_by_now(std::move(facts), peer);
      const Judgement judgement = self->broker_.keeper_for(facts, profile);
      if (!judgement.keeper) {
        (void)self->refused("page", facts, judgement);
        break;
      }
      if (page->is_over()) break;
      if (changed) self->note_page(facts, judgement);
      if (!first) taken = !changed || sink->nudge();
      first = false;
    }
    sink->when_gone(nullptr);
  }

  Response refused(std::string_view what, const core::PeerFacts& facts, const Judgement& judgement) {
    core::AuditRecord record = record_of(what, facts, judgement);
    record.outcome = traits(judgement.keeper.error().code).urn;
    broker_.audit()->note(std::move(record));
    return problem_response(judgement.keeper.error());
  }

  core::AuditLog::Ticket note(std::string_view what, const core::PeerFacts& facts, const Judgement& judgement,
                              const TokenOutcome& outcome) {
    core::AuditRecord record = record_of(what, facts, judgement);
    if (outcome) {
      record.fingerprint = (*outcome)->fingerprint;
    } else {
      record.outcome = traits(outcome.error().code).urn;
    }
    core::AuditLog::Ticket ticket;
    broker_.audit()->note(std::move(record), &ticket);
    return ticket;
  }

  // A page is had before there is a token to put in it.
  void note_page(const core::PeerFacts& facts, const Judgement& judgement) {
    core::AuditRecord record = record_of("page", facts, judgement);
    const auto& keeper = *judgement.keeper;
    const TokenOutcome available = keeper->available();
    if (available) record.fingerprint = (*available)->fingerprint;
    broker_.audit()->note(std::move(record));
    if (available) keeper->handed_to(facts, core::Handing::page);
  }

  core::AuditRecord record_of(std::string_view what, const core::PeerFacts& facts,
                              const Judgement& judgement) const {
    core::AuditRecord record;
    record.what = what;
    record.profile = judgement.profile;
    record.peer = facts;
    if (!judgement.decision) return record;
    record.granted = judgement.decision->granted;
    record.grant = judgement.decision->grant;
    if (!record.granted) record.why = broker_.policy().in_words(*judgement.decision);
    return record;
  }

  // What grants are judged by, as far as those in force turn on it.
  asio::awaitable<core::PeerFacts> facts_of(transport::Peer peer,
                                            std::shared_ptr<Acquaintance> acquaintance) {
    Asks asks = [this](core::Selector selector, const core::PeerFacts& facts) {
      return broker_.policy().asks(selector, facts);
    };
    return gather_facts(broker_.fact_sources(), std::move(peer), std::move(acquaintance), std::move(asks));
  }

  // Each event is the whole state, so a reader that is slow misses states, never the last one. A profile that
  // is configured anew has another keeper, which is followed in turn. The peer is judged by what it was when
  // the stream began; of one that has ended since, its program and unit count no more.
  static asio::awaitable<void> tell(std::shared_ptr<AppInterface> self, EventSinkPtr sink,
                                    std::shared_ptr<TokenKeeper> keeper, transport::Peer peer,
                                    core::PeerFacts facts) {
    const std::string profile = keeper->profile();
    auto following = std::make_shared<Following>(keeper);
    bool taken = true;
    while (taken) {
      sink->when_gone([following] { following->wake(); });
      const bool changed = co_await following->change(wire::k_heartbeat_interval);
      facts = facts_by_now(std::move(facts), peer);
      const Judgement judgement = self->broker_.keeper_for(facts, profile);
      if (!judgement.keeper) {
        (void)self->refused("events", facts, judgement);
        co_await sink->send(encode(wire::revoked_event(profile)));
        break;
      }
      if (*judgement.keeper != keeper) {
        keeper = *judgement.keeper;
        following = std::make_shared<Following>(keeper);
        continue;
      }
      if (changed) {
        const TokenOutcome available = keeper->available();
        self->note("events", facts, judgement, available);
        if (available) keeper->handed_to(facts, core::Handing::events);
      }
      std::string text = changed ? encode(self->event_of(*keeper)) : std::string(wire::k_heartbeat);
      taken = co_await sink->send(std::move(text));
    }
    sink->when_gone(nullptr);
  }

  wire::Event event_of(const TokenKeeper& keeper) const {
    const TokenOutcome available = keeper.available();
    if (!available) return wire::unavailable_event(keeper.profile(), available.error());
    return wire::token_event(token_answer(**available, keeper.profile(), clock_));
  }

  asio::awaitable<Response> profiles(Request request, wire::Target target) {
    if (!target.parameters.empty())
      co_return problem_response(fail(ErrorCode::bad_request, "this path takes no parameters"));
    const auto facts = co_await facts_of(request.peer, request.acquaintance);
    core::AuditRecord record;
    record.what = "profiles";
    record.granted = true;  // each hears of its own
    record.peer = facts;
    broker_.audit()->note(std::move(record));
    co_return profiles_of(facts);
  }

  Response profiles_of(const core::PeerFacts& peer) const {
    wire::Json list = wire::Json::array();
    for (const auto& keeper : broker_.keepers_for(peer)) {
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
    return response;
  }

  asio::awaitable<Response> health(Request request, wire::Target) {
    const auto facts = co_await facts_of(request.peer, request.acquaintance);
    co_return health_for(facts);
  }

  // Anyone may ask whether all is well; which profiles there are, each hears as far as it is granted.
  Response health_for(const core::PeerFacts& peer) const {
    Response response;
    wire::Json body = {{"status", "ok"}};
    if (const auto trouble = broker_.trouble()) {
      response = problem_response(*trouble);
      body = wire::to_json(*trouble);
    }
    wire::Json list = wire::Json::array();
    for (const auto& keeper : broker_.keepers_for(peer)) list.push_back(profile_state(*keeper, clock_));
    body["profiles"] = std::move(list);
    response.body = wire::dump(body);
    return response;
  }

  Response respond(const TokenOutcome& outcome, const std::string& profile, const std::string& accept) {
    if (!outcome) return problem_response(outcome.error());
    return answers_for(profile, accept)->response(*outcome, clock_.boot_now());
  }

  // Where its grant turns on what a peer may become, it is looked at each time.
  static bool may_repeat(const Request& request, const core::PeerFacts& facts) {
    return request.again && !facts.unit.looked_at() && !facts.exe.looked_at() &&
           !facts.exe_sha256.looked_at();
  }

  const std::shared_ptr<TokenAnswers>& answers_for(const std::string& profile, const std::string& accept) {
    // Nothing is kept of a profile that has been taken out.
    if (std::exchange(answers_of_, broker_.generation()) != broker_.generation()) answers_.clear();
    const bool as_text = accept.starts_with("text/plain");
    auto& answers = answers_[{profile, as_text}];
    if (!answers) answers = std::make_shared<TokenAnswers>(profile, as_text, clock_);
    return answers;
  }

  Broker& broker_;
  const Clock& clock_;
  TokenPages pages_;
  std::map<std::pair<std::string, bool>, std::shared_ptr<TokenAnswers>>
      answers_;                   ///< by profile, and whether as text
  std::uint64_t answers_of_ = 0;  ///< the broker's generation that they are of
  std::vector<Route> routes_;
};

}  // namespace

Handler app_interface(Broker& broker, const Clock& clock) {
  const auto interface = std::make_shared<AppInterface>(broker, clock);
  return [interface, &broker](Request request) {
    broker.look();
    return route(interface->routes(), std::move(request));
  };
}

}  // namespace fob::broker
