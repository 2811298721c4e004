#include "tests/authority/account.hpp"

#include "ipc/base/file.hpp"
#include "ipc/wire/json.hpp"

#include <sodium.h>

#include <algorithm>

namespace fob::authority {
namespace {

// Ten thousand credentials of some 300 bytes, and room.
constexpr std::size_t k_max_file = 16 * 1024 * 1024;
constexpr std::size_t k_max_domains = 100;
constexpr std::size_t k_max_domain = 300;

std::string hex(const JwtKey& key) {
  std::string text(2 * key.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), key.data(), key.size());
  text.pop_back();
  return text;
}

bool unhex(std::string_view text, JwtKey& key) {
  std::size_t size = 0;
  return sodium_hex2bin(key.data(), key.size(), text.data(), text.size(), nullptr, &size, nullptr) == 0 &&
         size == key.size();
}

/// An origin as a browser writes it (RFC 6454 §6.2): scheme and host, no path, nothing that could break out
/// of a header.
bool is_origin(std::string_view text) {
  const auto scheme_end = text.find("://");
  if (text.size() > k_max_domain || scheme_end == std::string_view::npos || scheme_end == 0) return false;
  const auto host = text.substr(scheme_end + 3);
  const auto in_host = [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '/' && c != '?' && c != '#';
  };
  const auto in_scheme = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.';
  };
  return !host.empty() && std::all_of(host.begin(), host.end(), in_host) &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(scheme_end), in_scheme);
}

}  // namespace

Result<Account> Account::open(std::filesystem::path file) {
  std::error_code unknown;
  if (std::filesystem::exists(file, unknown) || unknown) {
    const auto text = read_file(file, k_max_file, ErrorCode::config);
    if (!text) return text.error();
    auto state = parse(*text);
    if (!state) return fail(ErrorCode::config, file.string() + ": " + state.error().detail);
    return Account(std::move(file), std::move(*state));
  }
  Account account(std::move(file), {});
  crypto_auth_hmacsha256_keygen(account.state_.key.data());
  if (auto saved = account.save(); !saved) return saved.error();
  return account;
}

Result<Account::State> Account::parse(std::string_view text) {
  const auto json = wire::parse_object(text, k_max_file, ErrorCode::config);
  if (!json) return json.error();
  State state;
  const auto key = wire::string_member(*json, "jwtKey");
  if (wire::integer_member(*json, "v") != 1 || !key || !unhex(*key, state.key) ||
      !json->contains("credentials"))
    return fail(ErrorCode::config, "this is not the state of a sandbox");
  auto credentials = Credentials::restored(json->at("credentials"));
  if (!credentials) return credentials.error();
  state.credentials = std::move(*credentials);
  for (const auto& domain : json->value("domains", Json::array())) {
    if (!domain.is_string()) return fail(ErrorCode::config, "a saved domain is not text");
    state.domains.push_back(domain.get<std::string>());
  }
  return state;
}

Result<void> Account::save(const State& state) const {
  const Json json = {{"v", 1},
                     {"jwtKey", hex(state.key)},
                     {"credentials", state.credentials.saved()},
                     {"domains", state.domains}};
  return replace_file(file_, json.dump(1) + "\n", 0600, ErrorCode::config);
}

Result<void> Account::commit(State next) {
  if (auto saved = save(next); !saved) return saved;
  state_ = std::move(next);
  return {};
}

bool Account::allows_origin(std::string_view origin) const {
  return std::find(state_.domains.begin(), state_.domains.end(), origin) != state_.domains.end();
}

Result<NewCredential> Account::create(std::string_view name, std::vector<std::string> scopes, WallTime now) {
  State next = state_;
  auto created = next.credentials.create(name, std::move(scopes), now);
  if (!created) return created;
  if (auto saved = commit(std::move(next)); !saved) return saved.error();
  return created;
}

Result<Credential> Account::set_active(std::string_view client_id, bool active) {
  State next = state_;
  auto credential = next.credentials.set_active(client_id, active);
  if (!credential) return credential;
  if (auto saved = commit(std::move(next)); !saved) return saved.error();
  return credential;
}

Result<void> Account::remove(std::string_view client_id) {
  State next = state_;
  if (auto removed = next.credentials.remove(client_id); !removed) return removed;
  return commit(std::move(next));
}

Result<void> Account::set_domains(std::vector<std::string> domains) {
  if (domains.size() > k_max_domains)
    return fail(ErrorCode::bad_request, "at most 100 domains may be allowed");
  const auto wrong = std::find_if_not(domains.begin(), domains.end(), is_origin);
  if (wrong != domains.end())
    return fail(ErrorCode::bad_request, "“" + wire::printable(*wrong, k_max_domain) +
                                            "” is not an origin such as https://app.example:8443");
  State next = state_;
  next.domains = std::move(domains);
  return commit(std::move(next));
}

}  // namespace fob::authority
