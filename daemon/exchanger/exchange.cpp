#include "daemon/exchanger/exchange.hpp"

#include "daemon/exchanger/answer.hpp"
#include "daemon/exchanger/detail.hpp"
#include "daemon/exchanger/profile_files.hpp"
#include "daemon/exchanger/token_request.hpp"
#include "daemon/exchanger/transport_failure.hpp"
#include "daemon/store/open_store.hpp"
#include "ipc/wire/json.hpp"

#include <optional>
#include <utility>

namespace fob::exchanger {
namespace {

using wire::ExchangeAnswer;
using wire::ExchangeFailure;

ExchangeFailure failed(const Error& error) {
  // A code without a word of its own on the line came from the store: for the broker it is one that cannot be
  // read.
  const bool has_word = !traits(error.code).kind.empty();
  return {has_word ? error.code : ErrorCode::store_locked,
          0,
          wire::printable(error.detail, k_longest_detail),
          {}};
}

// A client id this long is a UUID or the like.
constexpr std::size_t k_telling_id = 16;

// Every form in which the credential was sent, and so could come back in an authority's words.
void hide_credential(ExchangeAnswer& answer, const store::Credential& credential,
                     const HttpRequest& request) {
  auto* failure = std::get_if<ExchangeFailure>(&answer);
  if (failure == nullptr) return;
  const WipingString coded_id = form_encoded(credential.client_id);
  const WipingString coded_secret = form_encoded(credential.secret.reveal());
  const std::string_view authorization = request.authorization;
  const std::string_view pair =
      authorization.substr(std::min(authorization.size(), authorization.find(' ') + 1));
  std::vector<std::string_view> secrets = {credential.secret.reveal(), coded_secret, pair};
  // The id is no secret, and a short one may be a word of our own sentences, such as the profile's name.
  if (credential.client_id.size() >= k_telling_id)
    secrets.insert(secrets.end(), {credential.client_id, coded_id});
  failure->detail = presentable(std::move(failure->detail), secrets);
}

ExchangeAnswer ask(const config::Profile& profile, const store::StoredCredential& stored,
                   std::optional<std::string> cas, const Surroundings& around) {
  HttpRequest request = make_token_request(profile, stored.credential);
  request.ca_pem = std::move(cas);
  AskedWith asked;
  asked.version = stored.version;
  asked.stored_at = stored.stored_at;
  asked.started = around.clock.boot_now();
  const HttpOutcome outcome = around.post(request);
  asked.received = around.clock.wall_now();

  const auto* answered = std::get_if<HttpAnswer>(&outcome);
  ExchangeAnswer answer = answered != nullptr ? interpret(*answered, profile, asked)
                                              : explain(std::get<TransportFailure>(outcome), profile,
                                                        asked.received, around.build_epoch);
  hide_credential(answer, stored.credential, request);
  return answer;
}

}  // namespace

ExchangeAnswer exchange(std::string_view line, const Surroundings& around) {
  const auto request = wire::decode_exchange_request(line);
  // There is no word for it on the line: only a broker of another version, or a captured one, gets here.
  if (!request)
    return failed(fail(ErrorCode::config, "fob-exchange does not understand the request (" +
                                              request.error().detail +
                                              "); fobd and fob-exchange must be of one installation"));
  if (around.only_profile && request->profile != *around.only_profile)
    return failed(fail(ErrorCode::config, "this exchanger is for " + *around.only_profile + " only"));
  const auto config = config::load(around.locations.config_file);
  if (!config) return failed(config.error());
  const auto profile = find_profile(*config, request->profile, around.locations);
  if (!profile) return failed(profile.error());
  auto cas = trusted_cas(*profile);
  if (!cas) return failed(cas.error());
  const auto store = store::open_store(*config, around.locations, around.clock);
  const auto stored = store->load(request->profile, request->slot);
  if (!stored) return failed(stored.error());
  return ask(*profile, *stored, std::move(*cas), around);
}

}  // namespace fob::exchanger
