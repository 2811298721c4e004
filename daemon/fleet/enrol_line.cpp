#include "daemon/fleet/enrol_line.hpp"

#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/wrong.hpp"
#include "ipc/wire/json.hpp"

#include <sodium.h>

namespace fob::fleet {
namespace {

using namespace std::string_view_literals;
using wire::Json;

constexpr std::int64_t k_line_format = 1;

// What the device signs. A name holds no NUL, and all else is of fixed size, so no two devices have the same.
std::string signed_text(const EnrolledDevice& device) {
  std::string text("fob-fleet-device-1\0"sv);
  text += device.id;
  text += '\0';
  text.append(reinterpret_cast<const char*>(device.box_key.data()), device.box_key.size());
  text.append(reinterpret_cast<const char*>(device.sign_key.data()), device.sign_key.size());
  text += to_text(device.enrolled);
  return text;
}

}  // namespace

std::string encode_enrol_line(const DeviceIdentity& identity, Time enrolled) {
  const EnrolledDevice device{identity.id, identity.box_key, identity.sign_key, enrolled};
  const std::string text = signed_text(device);
  Signature signature{};
  crypto_sign_detached(signature.data(), nullptr, octets(text).data(), text.size(),
                       identity.sign_secret.bytes().data());
  return wire::dump({{"fob_device", k_line_format},
                     {"device", device.id},
                     {"box_key", to_base64(device.box_key)},
                     {"sign_key", to_base64(device.sign_key)},
                     {"enrolled", to_text(enrolled)},
                     {"signature", to_base64(signature)}});
}

Result<EnrolledDevice> parse_enrol_line(std::string_view line) {
  const auto json = wire::parse_object(line, k_max_enrol_line, ErrorCode::bad_request);
  if (!json) return wrong("this is no enrol line (" + json.error().detail + ")");
  if (wire::integer_member(*json, "fob_device") != k_line_format)
    return wrong("this is no enrol line of this version of fob");
  if (const auto unknown = wire::unknown_member(
          *json, {"fob_device", "device", "box_key", "sign_key", "enrolled", "signature"}))
    return wrong("it has an unknown member \"" + *unknown + "\"");

  const auto text = [&](const char* name) { return wire::string_member(*json, name).value_or(""); };
  const auto box_key = public_key_from(text("box_key"));
  const auto sign_key = public_key_from(text("sign_key"));
  const auto enrolled = time_from(text("enrolled"));
  Signature signature{};
  if (!is_device_id(text("device"))) return wrong("its device's name is none");
  if (!box_key || !sign_key || !enrolled || !from_base64(text("signature"), signature))
    return wrong("a key, the time or the signature is missing or cut");
  EnrolledDevice device{text("device"), *box_key, *sign_key, *enrolled};
  const std::string canonical = signed_text(device);
  if (crypto_sign_verify_detached(signature.data(), octets(canonical).data(), canonical.size(),
                                  sign_key->data()) != 0)
    return wrong("its signature does not fit: it was damaged or altered; take it from the device again");
  return device;
}

}  // namespace fob::fleet
