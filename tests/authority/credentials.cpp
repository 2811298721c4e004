#include "tests/authority/credentials.hpp"

#include "ipc/wire/json.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace fob::authority {
namespace {

// Enough for any test; without a bound, a loop gone wild would fill the disk.
constexpr std::size_t k_max_credentials = 10'000;
constexpr std::size_t k_max_name = 100;
constexpr std::array<std::string_view, 3> k_scopes = {"query", "write", "delete"};

std::string hex(const unsigned char* data, std::size_t size) {
  std::string text(2 * size + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), data, size);
  text.pop_back();
  return text;
}

std::string random_uuid() {
  std::array<unsigned char, 16> raw{};
  randombytes_buf(raw.data(), raw.size());
  raw[6] = static_cast<unsigned char>((raw[6] & 0x0f) | 0x40);  // version 4 and variant, RFC 9562 §5.4
  raw[8] = static_cast<unsigned char>((raw[8] & 0x3f) | 0x80);
  std::string text = hex(raw.data(), raw.size());
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) text.insert(dash, 1, '-');
  return text;
}

SecretBytes random_secret() {
  constexpr std::size_t k_bytes = 32;
  SecretBytes raw(k_bytes);
  SecretBytes text(2 * k_bytes + 1);
  randombytes_buf(raw.bytes().data(), raw.size());
  sodium_bin2hex(reinterpret_cast<char*>(text.bytes().data()), text.size(), raw.bytes().data(), raw.size());
  return SecretBytes::copy_of(text.reveal().substr(0, 2 * k_bytes));
}

/// BLAKE2b. No slow hash is needed: those make up for the few bits of a password, and these secrets are 256
/// random bits, which nobody guesses however fast each guess is. The client id goes in so that a hash is of
/// use for one id only.
std::string hash_of(std::string_view client_id, std::string_view secret) {
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash_state state{};
  const auto update = [&state](std::string_view text) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  };
  crypto_generichash_init(&state, nullptr, 0, hash.size());
  update(client_id);
  update(":");
  update(secret);
  crypto_generichash_final(&state, hash.data(), hash.size());
  return hex(hash.data(), hash.size());
}

bool same_hash(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// What is not UTF-8 would be something else once it was saved.
bool survives_json(std::string_view text) { return Json::parse(wire::dump(Json(text))) == Json(text); }

Result<void> check(std::string_view name, const std::vector<std::string>& scopes) {
  if (name.empty() || name.size() > k_max_name || wire::printable(name, k_max_name) != name ||
      !survives_json(name))
    return fail(ErrorCode::bad_request, "name must be 1 to 100 bytes of UTF-8 without control characters");
  for (auto scope = scopes.begin(); scope != scopes.end(); ++scope) {
    if (std::find(k_scopes.begin(), k_scopes.end(), *scope) == k_scopes.end())
      return fail(ErrorCode::bad_request, "a scope is one of query, write, delete");
    if (std::find(scopes.begin(), scope, *scope) != scope)
      return fail(ErrorCode::bad_request, "a scope named twice");
  }
  if (scopes.empty())
    return fail(ErrorCode::bad_request, "scopes must name at least one of query, write, delete");
  return {};
}

Result<Credential> restored_one(const Json& item) {
  const auto broken = fail(ErrorCode::config, "the saved credentials are damaged");
  if (!item.is_object()) return broken;
  const auto name = wire::string_member(item, "name");
  const auto id = wire::string_member(item, "clientId");
  const auto hash = wire::string_member(item, "secretHash");
  const auto created = wire::integer_member(item, "createdMs");
  const auto active = item.find("active");
  const auto scopes = item.find("scopes");
  if (!name || !id || !hash || !created || active == item.end() || !active->is_boolean() ||
      scopes == item.end() || !scopes->is_array())
    return broken;
  Credential credential{
      *name, *id, *hash, {}, active->get<bool>(), WallTime(std::chrono::milliseconds(*created)), {}};
  for (const auto& scope : *scopes) {
    if (!scope.is_string()) return broken;
    credential.scopes.push_back(scope.get<std::string>());
  }
  if (const auto used = wire::integer_member(item, "lastUsedMs"))
    credential.last_used = WallTime(std::chrono::milliseconds(*used));
  return credential;
}

}  // namespace

Json to_json(const Credential& credential) {
  return {{"name", credential.name},
          {"clientId", credential.client_id},
          {"scopes", credential.scopes},
          {"active", credential.active},
          {"created", to_rfc3339(credential.created)},
          {"lastUsed", credential.last_used ? Json(to_rfc3339(*credential.last_used)) : Json(nullptr)}};
}

Json to_json(const NewCredential& created) {
  return {{"name", created.credential.name},
          {"clientId", created.credential.client_id},
          {"clientSecret", created.secret.reveal()},
          {"scopes", created.credential.scopes}};
}

Result<NewCredential> Credentials::create(std::string_view name, std::vector<std::string> scopes,
                                          WallTime now) {
  if (auto fine = check(name, scopes); !fine) return fine.error();
  if (all_.size() >= k_max_credentials) return fail(ErrorCode::bad_request, "too many credentials");
  SecretBytes secret = random_secret();
  std::string id = random_uuid();
  std::string hash = hash_of(id, secret.reveal());
  all_.push_back({std::string(name), std::move(id), std::move(hash), std::move(scopes), true, now, {}});
  return NewCredential{all_.back(), std::move(secret)};
}

Credential* Credentials::find(std::string_view client_id) {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [&](const auto& c) { return c.client_id == client_id; });
  return found == all_.end() ? nullptr : &*found;
}

Result<Credential> Credentials::set_active(std::string_view client_id, bool active) {
  Credential* credential = find(client_id);
  if (credential == nullptr) return fail(ErrorCode::not_found, "no such credential");
  credential->active = active;
  return *credential;
}

Result<void> Credentials::remove(std::string_view client_id) {
  if (std::erase_if(all_, [&](const auto& c) { return c.client_id == client_id; }) == 0)
    return fail(ErrorCode::not_found, "no such credential");
  return {};
}

const Credential* Credentials::authenticate(std::string_view client_id, std::string_view secret,
                                            WallTime now) {
  // An unknown id is hashed and compared like a known one, so that time does not tell which ids exist.
  static constexpr std::string_view k_no_hash =
      "0000000000000000000000000000000000000000000000000000000000000000";
  Credential* credential = find(client_id);
  const bool same =
      same_hash(hash_of(client_id, secret), credential != nullptr ? credential->secret_hash : k_no_hash);
  if (credential == nullptr || !same || !credential->active) return nullptr;
  credential->last_used = now;
  return credential;
}

Json Credentials::saved() const {
  Json list = Json::array();
  for (const auto& credential : all_) {
    Json item = {{"name", credential.name},
                 {"clientId", credential.client_id},
                 {"secretHash", credential.secret_hash},
                 {"scopes", credential.scopes},
                 {"active", credential.active},
                 {"createdMs", credential.created.time_since_epoch().count()}};
    if (credential.last_used) item["lastUsedMs"] = credential.last_used->time_since_epoch().count();
    list.push_back(std::move(item));
  }
  return list;
}

Result<Credentials> Credentials::restored(const Json& saved) {
  Credentials credentials;
  if (!saved.is_array()) return fail(ErrorCode::config, "the saved credentials are damaged");
  for (const auto& item : saved) {
    auto credential = restored_one(item);
    if (!credential) return credential.error();
    credentials.all_.push_back(std::move(*credential));
  }
  return credentials;
}

}  // namespace fob::authority
