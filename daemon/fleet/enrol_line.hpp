// What a device says of itself to be enrolled: its name and public keys in one line of JSON, signed by
// itself. The signature shows that line and key belong together and that no byte was lost; that the line
// comes from the device whose name it bears is for the way it came to vouch for. Lines are hostile.
#pragma once

#include "daemon/fleet/identity.hpp"
#include "daemon/fleet/key_text.hpp"
#include "daemon/fleet/timestamp.hpp"
#include "ipc/base/result.hpp"

#include <string>
#include <string_view>

namespace fob::fleet {

struct EnrolledDevice {
  std::string id;
  PublicKey box_key{};
  PublicKey sign_key{};
  Time enrolled;
};

/// The enrol line of `identity`, without a line end.
std::string encode_enrol_line(const DeviceIdentity& identity, Time enrolled);

/// Reads a line and verifies its signature. Fails with bad_request.
Result<EnrolledDevice> parse_enrol_line(std::string_view line);

}  // namespace fob::fleet
