#include "daemon/broker/profile_state.hpp"

#include "ipc/wire/limits.hpp"

namespace fob::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Json;

Json last_error(const TokenKeeper::Status& status) {
  if (!status.last_failure) return nullptr;
  return {{"kind", traits(status.last_failure->code).kind},
          {"detail", status.last_failure->detail},
          {"at", status.last_failure_at ? Json(to_rfc3339(*status.last_failure_at)) : Json(nullptr)}};
}

Json alarm(const TokenKeeper::Status& status, const Clock& clock) {
  if (!status.alarm) return nullptr;
  const auto& [refusal, since] = *status.alarm;
  const auto& offer = status.slots.offer;
  Json ends = nullptr;
  if (status.token) ends = std::chrono::round<seconds>(status.token->left(clock.boot_now())).count();
  return {{"kind", traits(refusal.code).kind},
          {"detail", refusal.detail},
          {"since", to_rfc3339(since)},
          {"token_ends_in", std::move(ends)},
          {"offer", offer ? Json(core::command_of(*offer)) : Json(nullptr)}};
}

Json staged_refused(const TokenKeeper::Status& status) {
  const auto& refused = status.slots.staged_refused;
  if (!refused) return nullptr;
  return {{"detail", refused->detail}, {"at", to_rfc3339(refused->at)}};
}

void add_token(Json& json, const core::Token& token, const Clock& clock) {
  const auto left = token.left(clock.boot_now());
  json["lifetime"] = std::chrono::round<seconds>(token.lifetime()).count();
  json["fingerprint"] = token.fingerprint;
  json["expires_in"] = std::chrono::round<seconds>(left).count();
  json["expires_at"] = to_rfc3339(clock.wall_now() + std::chrono::round<milliseconds>(left));
  json["scopes"] = token.scopes;
  json["credential_version"] = token.credential_version;
  if (token.credential_stored_at) json["credential_stored_at"] = to_rfc3339(*token.credential_stored_at);
}

// Words that a process chose for itself.
Json word(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(wire::printable(text, wire::k_max_detail));
}

Json served_to(const TokenKeeper& keeper, const Clock& clock) {
  Json list = Json::array();
  for (const auto& recipient : keeper.recipients().newest_first()) {
    const auto ago = std::chrono::round<milliseconds>(clock.boot_now() - recipient.at);
    list.push_back({{"pid", recipient.pid},
                    {"uid", recipient.uid},
                    {"unit", word(recipient.unit)},
                    {"exe", word(recipient.exe)},
                    {"at", to_rfc3339(clock.wall_now() - ago)},
                    {"count", recipient.count},
                    {"how", core::to_string(recipient.how)}});
  }
  return list;
}

}  // namespace

Json profile_state(const TokenKeeper& keeper, const Clock& clock) {
  const TokenKeeper::Status status = keeper.status();
  Json json = {{"name", keeper.profile()},
               {"state", state_word(status)},
               {"refresh", status.on_demand ? "on-demand" : "always"},
               {"fingerprint", nullptr},
               {"expires_in", nullptr},
               {"expires_at", nullptr},
               {"lifetime", nullptr},
               {"scopes", Json::array()},
               {"credential_version", nullptr},
               {"credential_stored_at", nullptr},
               {"exchanging", status.exchanging},
               {"next_attempt_in", nullptr},
               {"next_attempt_why", nullptr},
               {"failing", status.failing},
               {"last_error", last_error(status)},
               {"alarm", alarm(status, clock)},
               {"staged_refused", staged_refused(status)},
               {"fallback", status.slots.fallback ? Json(to_string(*status.slots.fallback)) : Json(nullptr)},
               {"exchanges", {{"ok", status.exchanges_ok}, {"failed", status.exchanges_failed}}},
               {"served", status.served}};
  if (status.token) add_token(json, *status.token, clock);
  if (status.next_attempt_in) {
    json["next_attempt_in"] = std::chrono::ceil<seconds>(*status.next_attempt_in).count();
    json["next_attempt_why"] = core::to_string(status.reason);
  }
  return json;
}

Json profile_state_for_operators(const TokenKeeper& keeper, const Clock& clock) {
  Json json = profile_state(keeper, clock);
  json["served_to"] = served_to(keeper, clock);
  return json;
}

}  // namespace fob::broker
