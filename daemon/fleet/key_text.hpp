// Public keys and other short binary values as text: base64 (RFC 4648 §4, with padding), the only form in
// which they stand in headers, enrol lines and configuration.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fob::fleet {

/// An Ed25519 or X25519 public key.
using PublicKey = std::array<unsigned char, 32>;
/// An Ed25519 signature.
using Signature = std::array<unsigned char, 64>;

std::string to_base64(std::span<const unsigned char> bytes);

/// Fills `bytes` from `text`; false unless it is the canonical base64 of exactly that many.
bool from_base64(std::string_view text, std::span<unsigned char> bytes);

/// The key whose text is `text`, as configuration and command lines name it; nothing if it is none.
std::optional<PublicKey> public_key_from(std::string_view text);

/// `text` as the bytes that libsodium takes.
std::span<const unsigned char> octets(std::string_view text);

}  // namespace fob::fleet
