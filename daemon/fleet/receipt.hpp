// What became of a bundle on a device: one small JSON document, without secrets, for whoever asks. Receipts
// that are gathered come from many devices and are hostile.
#pragma once

#include "daemon/fleet/timestamp.hpp"
#include "ipc/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fob::fleet {

enum class Outcome : std::uint8_t {
  applied,   ///< in force: the authority has accepted it
  staged,    ///< in place but not tried yet; the first success will promote it
  waiting,   ///< not yet: its time or the device's wave has not begun
  refused,   ///< by the device: reason is one of refusal.hpp's words
  rejected,  ///< by the authority; the old credential stays in force
  failed,    ///< something broke: reason is a word for what
};
inline constexpr std::size_t k_outcomes = 6;

std::string_view to_string(Outcome outcome);
std::optional<Outcome> outcome_from(std::string_view text);

struct Receipt {
  std::string device;
  std::string profile;       ///< "" where the bundle could not even be read
  std::uint64_t serial = 0;  ///< 0 likewise
  Outcome outcome{};
  std::string reason;  ///< "" or a word of a–z, 0–9 and -
  std::string detail;  ///< for a person; "" or a sentence or two
  Time time;
  std::uint64_t version = 0;  ///< the credential's version in the store; 0: none was stored
  std::string bundle;         ///< the bundle's file name

  friend bool operator==(const Receipt&, const Receipt&) = default;
};

/// One line of JSON, with a line end. What is too long is cut, what cannot be printed becomes a blank.
std::string encode_receipt(const Receipt& receipt);

/// Fails with bad_request.
Result<Receipt> decode_receipt(std::string_view text);

}  // namespace fob::fleet
