#include "daemon/broker/profile_state.hpp"

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

void add_token(Json& json, const core::Token& token, const Clock& clock) {
  const auto left = token.left(clock.boot_now());
  json["fingerprint"] = token.fingerprint;
  json["expires_in"] = std::chrono::round<seconds>(left).count();
  json["expires_at"] = to_rfc3339(clock.wall_now() + std::chrono::round<milliseconds>(left));
  json["scopes"] = token.scopes;
  json["credential_version"] = token.credential_version;
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
               {"scopes", Json::array()},
               {"credential_version", nullptr},
               {"exchanging", status.exchanging},
               {"next_attempt_in", nullptr},
               {"next_attempt_why", nullptr},
               {"failing", status.failing},
               {"last_error", last_error(status)},
               {"exchanges", {{"ok", status.exchanges_ok}, {"failed", status.exchanges_failed}}},
               {"served", status.served}};
  if (status.token) add_token(json, *status.token, clock);
  if (status.next_attempt_in) {
    json["next_attempt_in"] = std::chrono::ceil<seconds>(*status.next_attempt_in).count();
    json["next_attempt_why"] = core::to_string(status.reason);
  }
  return json;
}

}  // namespace fob::broker
