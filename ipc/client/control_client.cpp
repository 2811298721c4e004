#include "ipc/client/control_client.hpp"

#include "ipc/client/follow_events.hpp"
#include "ipc/wire/control_messages.hpp"
#include "ipc/wire/limits.hpp"

namespace fob::client {
namespace {

using std::chrono::seconds;

// What fobd answers out of its memory.
constexpr seconds k_at_once{10};
// A refresh may have to wait for one under way, and then for its own; fobd gives up on each by itself.
constexpr seconds k_two_refreshes = 2 * (wire::k_refresh_deadline + k_at_once);

Result<void> without_body(const Result<HttpAnswer>& answer) {
  if (!answer) return answer.error();
  return {};
}

}  // namespace

ControlClient::ControlClient(std::filesystem::path control_socket, const Clock& clock)
    : client_(std::move(control_socket), clock,
              "it is for operators: run this as root or as fobd's own user, or join the group fob-admin") {}

Result<std::string> ControlClient::status() const {
  auto answer = client_.demand({Verb::get, "/v1/status", ""}, k_at_once);
  if (!answer) return answer.error();
  return std::move(answer->body);
}

Result<void> ControlClient::refresh(const std::string& profile) const {
  return without_body(
      client_.demand({Verb::post, "/v1/refresh", wire::encode_profile_body(profile)}, k_two_refreshes));
}

Result<void> ControlClient::reload() const {
  auto answer = client_.demand({Verb::post, "/v1/reload", ""}, k_at_once);
  // Several codes share the urn of a wrong configuration; here no other one can be meant.
  if (!answer && traits(answer.error().code).urn == traits(ErrorCode::config).urn)
    return fail(ErrorCode::config, answer.error().detail);
  return without_body(answer);
}

Result<void> ControlClient::credentials_changed(const std::string& profile) const {
  return without_body(client_.demand(
      {Verb::post, "/v1/credentials/changed", wire::encode_profile_body(profile)}, k_two_refreshes));
}

Result<std::string> ControlClient::explain(const std::string& target) const {
  auto answer = client_.demand({Verb::get, target, ""}, k_at_once);
  if (!answer) return answer.error();
  return std::move(answer->body);
}

Result<std::string> ControlClient::audit() const {
  auto answer = client_.demand({Verb::get, "/v1/audit?follow=0", ""}, k_at_once);
  if (!answer) return answer.error();
  return std::move(answer->body);
}

Result<void> ControlClient::follow_audit(const std::function<bool(const wire::Event& record)>& taken) const {
  return follow_events(client_, "/v1/audit?follow=1", taken);
}

}  // namespace fob::client
