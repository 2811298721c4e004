#include "ipc/client/app_client.hpp"

#include "ipc/client/follow_events.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <boost/url/params_ref.hpp>
#include <boost/url/url.hpp>

namespace fob::client {
namespace {

using std::chrono::milliseconds;

std::string token_target(const wire::TokenQuery& query) {
  boost::urls::url target("/v1/token");
  if (query.profile) target.params().append({"profile", *query.profile});
  if (query.min_ttl) target.params().append({"min_ttl", in_seconds(*query.min_ttl)});
  target.params().append({"wait", in_seconds(query.wait)});
  return std::string(target.buffer());
}

Result<TokenReply> read_token(Result<HttpAnswer> answer) {
  if (!answer) return answer.error();
  auto decoded = wire::decode_token_answer(answer->body);
  if (!decoded) return decoded.error();
  return TokenReply{std::move(*decoded), std::move(answer->body)};
}

}  // namespace

AppClient::AppClient(std::filesystem::path app_socket, const Clock& clock)
    : client_(std::move(app_socket), clock,
              "any user may connect to fobd's app socket, so look at the permissions of its directory") {}

Result<TokenReply> AppClient::token(const wire::TokenQuery& query) const {
  return read_token(client_.demand({Verb::get, token_target(query), ""}, query.wait + k_slack));
}

Result<TokenReply> AppClient::rejected(const std::optional<std::string>& profile,
                                       const std::string& fingerprint) const {
  wire::Json report = {{"fingerprint", fingerprint}};
  if (profile) report["profile"] = *profile;
  return read_token(client_.demand({Verb::post, "/v1/token/rejected", wire::dump(report)},
                                   wire::k_exchange_deadline + k_slack));
}

Result<void> AppClient::follow(const std::optional<std::string>& profile,
                               const std::function<bool(const wire::Event& event)>& taken) const {
  boost::urls::url target("/v1/events");
  if (profile) target.params().append({"profile", *profile});
  return follow_events(client_, std::string(target.buffer()), taken);
}

Result<std::string> AppClient::profiles() const {
  auto answer = client_.demand({Verb::get, "/v1/profiles", ""}, k_slack);
  if (!answer) return answer.error();
  return std::move(answer->body);
}

}  // namespace fob::client
