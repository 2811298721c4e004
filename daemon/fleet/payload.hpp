// What is sealed in a device's box: its credential, and all that ties it to this device, profile and serial,
// so that no box can be moved to another bundle. Built and parsed in wiped memory only.
#pragma once

#include "daemon/fleet/refusal.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fob::fleet {

/// A credential where it lies; the views die with what holds it.
struct CredentialView {
  std::string_view client_id;
  std::string_view client_secret;
};

/// What is wrong with a credential's values ("the client secret is empty"); nothing if they are fit to be
/// sent. Never shows any of them.
std::optional<std::string> fault_of(const CredentialView& credential);

/// To whom a payload belongs.
struct PayloadPlace {
  std::string_view device;
  std::string_view profile;
  std::uint64_t serial = 0;
  std::size_t wave = 0;
};

/// The size of the payload before padding.
std::size_t payload_size(const PayloadPlace& place, const CredentialView& credential);

/// Writes the payload to the start of `to` and pads it to `to`'s size, which is larger than payload_size().
void write_payload(const PayloadPlace& place, const CredentialView& credential, std::span<unsigned char> to);

struct Payload {
  std::string device;
  std::string profile;
  std::uint64_t serial = 0;
  std::size_t wave = 0;
  std::string client_id;
  SecretBytes client_secret;
};

/// Reads a padded payload. Refuses with bad_payload.
Verified<Payload> read_payload(std::span<const unsigned char> padded);

}  // namespace fob::fleet
