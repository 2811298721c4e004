// The account's machine-to-machine credentials, as the vendor's page describes them: a name, scopes chosen at
// creation, a secret that is shown once. What is kept of a secret is a hash. Names and scopes come from
// whoever may use the admin routes and are checked; ids and secrets presented for authentication are hostile.
#pragma once

#include "ipc/base/clock.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"
#include "tests/authority/http.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::authority {

struct Credential {
  std::string name;
  std::string client_id;  ///< a random UUID
  std::string secret_hash;
  std::vector<std::string> scopes;
  bool active = true;
  WallTime created;
  std::optional<WallTime> last_used;
};

/// What a list may show: everything but the hash.
Json to_json(const Credential& credential);

struct NewCredential {
  Credential credential;
  SecretBytes secret;  ///< 64 hex characters; this is the only time it exists outside its owner's hands
};

/// What goes into its owner's hands, and what `fob credential add` takes.
Json to_json(const NewCredential& created);

class Credentials {
 public:
  /// `name` and `scopes` are bad_request unless they are what the portal would take.
  Result<NewCredential> create(std::string_view name, std::vector<std::string> scopes, WallTime now);
  /// not_found if there is no such client id.
  Result<Credential> set_active(std::string_view client_id, bool active);
  Result<void> remove(std::string_view client_id);

  /// The active credential to which this pair belongs, noted as used; nothing otherwise. The time it takes
  /// tells nothing about how near the secret was.
  const Credential* authenticate(std::string_view client_id, std::string_view secret, WallTime now);

  const std::vector<Credential>& all() const { return all_; }

  Json saved() const;
  /// The inverse of saved(); config if it is not what saved() writes.
  static Result<Credentials> restored(const Json& saved);

 private:
  Credential* find(std::string_view client_id);

  std::vector<Credential> all_;
};

}  // namespace fob::authority
