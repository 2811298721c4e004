// Every bound on what a fleet's files may hold, in one place, each with its reason. All of these files come
// from elsewhere: a bundle by whatever way files come to a device, enrol lines and receipts from devices.
#pragma once

#include "ipc/wire/limits.hpp"

#include <cstddef>
#include <cstdint>

namespace fob::fleet {

// A header is a dozen members and its waves.
inline constexpr std::size_t k_max_header = 4096;
// Ten times the largest fleet that is thought of; it bounds every sum over a bundle far below 2^63.
inline constexpr std::uint64_t k_max_devices = 10'000'000;
// A box holds the longest credential that is allowed (below), each of its characters escaped or not.
inline constexpr std::size_t k_max_box = 12 * 1024;
// JSON numbers are exact up to here in every language (RFC 8259 §6).
inline constexpr std::uint64_t k_max_serial = std::uint64_t{1} << 53;
// More waves than anyone watches over; 32 of them fit in a header.
inline constexpr std::size_t k_max_waves = 32;
// Boxes come in steps of this, so that two fleets' boxes seldom tell their credentials' lengths apart.
inline constexpr std::size_t k_payload_step = 64;
using wire::k_max_credential_value;
// What a bundle is hashed through, and written through: all the memory that grows with nothing.
inline constexpr std::size_t k_chunk = 64 * 1024;

// An enrol line takes some 350 bytes.
inline constexpr std::size_t k_max_enrol_line = 1024;
// A million devices with long ids and credentials take some 200 MB; the table is kept in memory whole.
inline constexpr std::size_t k_max_credential_table = 1024 * 1024 * 1024;
// A receipt is a dozen short members; the longest are its detail, a sentence or two, and a file name, of
// which JSON may make three bytes of one.
inline constexpr std::size_t k_max_receipt = 4096;
inline constexpr std::size_t k_max_receipt_detail = 512;
inline constexpr std::size_t k_max_reason = 64;
// A bundle's file name, as long as file systems take it.
inline constexpr std::size_t k_max_bundle_name = 255;

// An operator's key file takes some 400 bytes.
inline constexpr std::size_t k_max_operator_key = 4096;
// What a key file may ask Argon2id for: libsodium's "sensitive" cost. More would be an attack on the machine.
inline constexpr std::uint64_t k_max_kdf_passes = 16;
inline constexpr std::size_t k_max_kdf_memory = 1024 * 1024 * 1024;
// Long enough for any phrase that a person types.
inline constexpr std::size_t k_max_passphrase = 1024;

}  // namespace fob::fleet
