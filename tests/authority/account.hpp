// The account: its credentials, the web origins it allows, the key that signs its tokens; and the file that
// keeps the three over a restart, so that tokens from before it stay valid. The file is the sandbox's own
// (0600, in its own directory) but checked like any input, since people edit such files.
#pragma once

#include "ipc/base/result.hpp"
#include "tests/authority/credentials.hpp"
#include "tests/authority/jwt.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fob::authority {

class Account {
 public:
  /// What `file` holds, or a new account saved there if there is no such file.
  static Result<Account> open(std::filesystem::path file);

  const Credentials& credentials() const { return state_.credentials; }
  const std::vector<std::string>& domains() const { return state_.domains; }
  const JwtKey& key() const { return state_.key; }
  bool allows_origin(std::string_view origin) const;

  // Each change is on disk before it is in force: when saving fails, nothing has changed.
  Result<NewCredential> create(std::string_view name, std::vector<std::string> scopes, WallTime now);
  Result<Credential> set_active(std::string_view client_id, bool active);
  Result<void> remove(std::string_view client_id);
  Result<void> set_domains(std::vector<std::string> domains);

  /// As Credentials::authenticate. The time of use reaches the disk with the next change or save(): an fsync
  /// for each exchange would cost more than the exchange, and the loss of one is seen by nobody.
  const Credential* authenticate(std::string_view client_id, std::string_view secret, WallTime now) {
    return state_.credentials.authenticate(client_id, secret, now);
  }

  Result<void> save() const { return save(state_); }

 private:
  struct State {
    Credentials credentials;
    std::vector<std::string> domains;
    JwtKey key{};
  };

  Account(std::filesystem::path file, State state) : file_(std::move(file)), state_(std::move(state)) {}
  static Result<State> parse(std::string_view text);
  Result<void> save(const State& state) const;
  Result<void> commit(State next);

  std::filesystem::path file_;
  State state_;
};

}  // namespace fob::authority
