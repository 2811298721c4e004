#include "daemon/cli/device_identity.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <unistd.h>

namespace fob::cli {
namespace {

using wire::Slot;

// A store keeps visible characters only.
SecretBytes to_hex(const SecretBytes& bytes) {
  SecretBytes text(bytes.size() * 2 + 1);
  sodium_bin2hex(reinterpret_cast<char*>(text.bytes().data()), text.size(), bytes.bytes().data(),
                 bytes.size());
  return SecretBytes::copy_of(text.reveal().substr(0, bytes.size() * 2));
}

SecretBytes from_hex(const SecretBytes& text) {
  SecretBytes bytes(fleet::k_identity_secret);
  std::size_t size = 0;
  const auto* digits = reinterpret_cast<const char*>(text.bytes().data());
  const bool fine =
      sodium_hex2bin(bytes.bytes().data(), bytes.size(), digits, text.size(), nullptr, &size, nullptr) == 0 &&
      size == bytes.size() && text.size() == 2 * size;
  return fine ? std::move(bytes) : SecretBytes();
}

// "headset-7-1f2e3d4c": of a name that clones of one image may share, and of a part of the key that they do
// not.
Result<std::string> name_after_host(const SecretBytes& secret) {
  std::array<char, 40> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::string name(host.data());
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !fleet::is_device_id(std::string("a") + c); }, '-');
  if (!fleet::is_device_id(name)) name = "device";
  const auto unnamed = fleet::identity_from(name, secret);
  if (!unnamed) return unnamed.error();
  std::array<char, 9> mark{};
  sodium_bin2hex(mark.data(), mark.size(), unnamed->box_key.data(), 4);
  return name + "-" + mark.data();
}

}  // namespace

Result<fleet::DeviceIdentity> device_identity(store::CredentialStore& store) {
  const auto kept = store.load(store::k_device_identity, Slot::current);
  if (!kept && kept.error().code == ErrorCode::no_credential)
    return fail(
        ErrorCode::no_credential,
        "this device is enrolled in no fleet yet; run: fob fleet enrol, and give its line to the operator");
  if (!kept) return kept.error();
  return fleet::identity_from(kept->credential.client_id, from_hex(kept->credential.secret));
}

namespace {

Result<fleet::DeviceIdentity> enrol(store::CredentialStore& store, const std::optional<std::string>& id) {
  const SecretBytes secret = fleet::make_identity_secret();
  const auto name = id ? Result<std::string>(*id) : name_after_host(secret);
  if (!name) return name.error();
  auto identity = fleet::identity_from(*name, secret);
  if (!identity) return identity;
  const auto version = store.stage(store::k_device_identity, {*name, to_hex(secret)}, {});
  if (!version) return version.error();
  // Another may have enrolled the device meanwhile, and its line may be with the operator already.
  auto theirs = device_identity(store);
  if (theirs || theirs.error().code != ErrorCode::no_credential) {
    if (auto dropped = store.discard_staged(store::k_device_identity, *version); !dropped)
      return dropped.error();
    return theirs;
  }
  if (auto kept = store.commit(store::k_device_identity, *version, store::Proof::accepted); !kept)
    return kept.error();
  return identity;
}

}  // namespace

Result<fleet::DeviceIdentity> device_identity_or_new(store::CredentialStore& store,
                                                     const std::optional<std::string>& id) {
  auto identity = device_identity(store);
  if (!identity && identity.error().code == ErrorCode::no_credential) return enrol(store, id);
  if (identity && id && identity->id != *id)
    return fail(ErrorCode::bad_request,
                "this device is enrolled as " + identity->id +
                    "; leave --id out to see its line, or forget it first: fob credential "
                    "remove " +
                    store::k_device_identity);
  return identity;
}

}  // namespace fob::cli
