// The connection to the user's keyring, for one call of the store: the session bus, the encrypted session,
// the service's methods by name, and what goes wrong on the way in words that say what to do.
//
// libsecret's own calls for items unlock, prompt and keep a proxy for every object they see. Here it is left
// with what it alone can do, the encrypted session and the locked memory for secrets. Whoever answers is
// taken for hostile: every reply has the type that was asked for, and all waiting together ends in time.
//
// This header is GLib's too: only secret_service.cpp includes it.
#pragma once

#include "daemon/config/locations.hpp"
#include "daemon/store/libsecret.hpp"
#include "ipc/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace fob::store {

/// store_locked; `detail` says what is wrong and what to do about it, and gets the way out without a keyring.
Error keyring_unusable(const std::string& detail);
/// `collection`: the path of the one that is, where it matters which.
Error keyring_locked(const std::string& collection = {});
Error keyring_asks();
Error keyring_answers_oddly();
/// `what` was there, and is no more: not the same as never having been.
Error keyring_lost(const std::string& what);

/// One thread makes, uses and destroys it.
class Keyring {
 public:
  /// What a failure leaves open: a write that got no answer may have been made.
  enum class Doing : std::uint8_t { looking, writing };

  /// Touches nothing yet. `limit` is for all that is done with this, from open() on.
  explicit Keyring(std::chrono::milliseconds limit);
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;
  ~Keyring();

  /// Loads libsecret where that is not done yet, and connects. The rest only once this has succeeded.
  Result<void> open(const config::Environment& environment);
  /// For whoever reads or writes a secret: none ever crosses the bus in clear.
  Result<void> open_session();

  /// The reply, of type `reply`; empty if there is no such object. Takes `arguments`, floating.
  Result<Variant> call(const char* path, const char* interface, const char* method, GVariant* arguments,
                       const char* reply, Doing doing = Doing::looking);
  /// Of type `type`; empty if there is no such object.
  Result<Variant> property(const std::string& path, const char* interface, const char* name,
                           const char* type);

  // These three only once the session is open.
  const char* session() const;
  /// As the bus takes it; floating.
  GVariant* seal(SecretValue* secret) const;
  Result<Owned<SecretValue>> unseal(GVariant* sealed) const;

 private:
  struct Connection;

  Error explain(const GError& error, Doing doing) const;
  Error cannot_reach_bus(const std::string& address, const GError& error) const;

  std::chrono::milliseconds limit_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace fob::store
