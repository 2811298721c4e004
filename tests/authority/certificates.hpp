// TLS identities for the sandbox: a throw-away CA, kept in the sandbox's directory so that clients may go on
// trusting it over restarts, and a server certificate made by it at each start; or a deliberately wrong one,
// to see it refused. The CA is constrained to loopback names, so that trusting it by mistake lets nobody pose
// as a real host. Reads nothing but the sandbox's own files. Certificates go by the machine's clock, never by
// the sandbox's offset.
#pragma once

#include "ipc/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace fob::authority {

enum class CertificateFlaw : std::uint8_t { none, expired, wrong_host, not_yet_valid, untrusted };

/// "expired", "wrong-host", "not-yet-valid", "untrusted"; nothing for any other word.
std::optional<CertificateFlaw> certificate_flaw(std::string_view name);

struct TlsIdentity {
  std::string certificate_pem;
  std::string key_pem;
  std::string pin_sha256;  ///< base64 of SHA-256 of the public key (SPKI), the same over restarts
};

/// Makes or finds `directory`/ca.pem, ca-key.pem and server-key.pem. `untrusted` signs with a CA that is
/// nowhere kept.
Result<TlsIdentity> make_identity(const std::filesystem::path& directory, CertificateFlaw flaw);

}  // namespace fob::authority
