#include "daemon/fleet/refusal.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace fob::fleet {
namespace {

using enum Reason;

constexpr std::array k_table = {
    ReasonTraits{unreadable, "unreadable",
                 "The bundle cannot be read as a file. See that it is a regular file, readable and complete "
                 "before it is put in place (write it beside, then rename).",
                 true},
    ReasonTraits{malformed, "malformed",
                 "This is not a fleet bundle as this version of fob knows it. See that it is the file that "
                 "`fob fleet seal` wrote, and that fob is not older than the one that wrote it."},
    ReasonTraits{too_large, "too-large",
                 "The bundle claims to be larger than a bundle may be. Seal it anew, for fewer devices."},
    ReasonTraits{truncated, "truncated",
                 "The bundle is not here in full. Copy it again, under another name, and rename it when it "
                 "is whole."},
    ReasonTraits{wrong_signer, "wrong-signer",
                 "The bundle was signed with a key that this device does not trust. Seal it with the "
                 "operator's key, or add that key to the trusted signers of the configuration.",
                 true},
    ReasonTraits{bad_signature, "bad-signature",
                 "The bundle was damaged or altered after it was signed. Copy it again; if that does not "
                 "help, find out who changed it."},
    ReasonTraits{not_addressed, "not-addressed",
                 "The bundle holds nothing for this device's key. Enrol the device (`fob fleet enrol`), add "
                 "its line to the devices file, and seal anew."},
    ReasonTraits{cannot_open, "cannot-open",
                 "This device's box does not open with its key, though the bundle is genuine: it was put "
                 "together wrongly. Seal it anew with `fob fleet seal`."},
    ReasonTraits{bad_payload, "bad-payload",
                 "This device's box opens, but what it holds is not understood. See that fob is not older "
                 "than the one that sealed it."},
    ReasonTraits{other_device, "other-device",
                 "The box for this device's key names another device. Enrol this device anew if it has been "
                 "renamed, or give each its own identity if one disk was copied to both."},
    ReasonTraits{other_profile, "other-profile",
                 "The box belongs to another profile than the bundle says. Seal it anew with `fob fleet "
                 "seal`."},
    ReasonTraits{other_serial, "other-serial",
                 "The box belongs to a bundle of another serial. Seal it anew with `fob fleet seal`."},
    ReasonTraits{unknown_profile, "unknown-profile",
                 "This device has no such profile. Add it to the configuration, or take the bundle away if "
                 "it is for other devices.",
                 true},
    ReasonTraits{replayed, "replayed",
                 "This device has taken the bundle of this serial before. Nothing is to be done; to send "
                 "another credential, seal it with a higher serial."},
    ReasonTraits{lower_serial, "lower-serial",
                 "This device has taken a newer bundle. Serials only ever go up: to go back to an older "
                 "credential, seal it with a higher serial."},
    ReasonTraits{expired, "expired",
                 "The time in which the bundle may be applied is over. Seal it anew with a higher serial, "
                 "and see that this device's clock is right."},
    ReasonTraits{not_yet_valid, "not-yet-valid",
                 "The time in which the bundle may be applied has not begun. It is kept until then; see "
                 "that this device's clock is right."},
    ReasonTraits{later_wave, "later-wave",
                 "This device is in a later wave of the bundle. It is kept until then."},
};

}  // namespace

const ReasonTraits& traits(Reason reason) {
  const auto* row =
      std::find_if(k_table.begin(), k_table.end(), [&](const auto& r) { return r.reason == reason; });
  return row == k_table.end() ? k_table[1] : *row;
}

std::optional<Reason> reason_of(std::string_view word) {
  const auto* row =
      std::find_if(k_table.begin(), k_table.end(), [&](const auto& r) { return r.word == word; });
  if (row == k_table.end()) return std::nullopt;
  return row->reason;
}

std::string explain(const Refusal& refusal) {
  std::string text(traits(refusal.reason).sentence);
  if (!refusal.detail.empty()) text += " (" + refusal.detail + ")";
  return text;
}

void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where) {
  throw std::logic_error(std::string(where.file_name()) + ": unexpected refusal: " + explain(refusal));
}

}  // namespace fob::fleet
