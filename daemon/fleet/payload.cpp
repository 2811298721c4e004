#include "daemon/fleet/payload.hpp"

#include "daemon/fleet/flat_json.hpp"
#include "daemon/fleet/identity.hpp"
#include "daemon/fleet/limits.hpp"
#include "ipc/wire/names.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace fob::fleet {
namespace {

Refusal bad_payload(std::string detail) { return {Reason::bad_payload, std::move(detail)}; }

// Writes JSON straight to where it is sealed from, or only counts; no library makes a copy on the way.
class Writer {
 public:
  explicit Writer(unsigned char* to) : to_(to) {}

  Writer& raw(std::string_view text) {
    if (to_ != nullptr) std::copy(text.begin(), text.end(), to_ + size_);
    size_ += text.size();
    return *this;
  }
  // Visible ASCII, of which JSON escapes two characters (RFC 8259 §7).
  Writer& text(std::string_view text) {
    raw("\"");
    for (const char c : text) {
      if (c == '"' || c == '\\') raw("\\");
      raw({&c, 1});
    }
    return raw("\"");
  }
  Writer& number(std::uint64_t number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  std::size_t size() const { return size_; }

 private:
  unsigned char* to_;
  std::size_t size_ = 0;
};

std::size_t write(const PayloadPlace& place, const CredentialView& credential, unsigned char* to) {
  Writer writer(to);
  writer.raw(R"({"device":)").text(place.device).raw(R"(,"profile":)").text(place.profile);
  writer.raw(R"(,"serial":)").number(place.serial).raw(R"(,"wave":)").number(place.wave);
  writer.raw(R"(,"client_id":)").text(credential.client_id);
  writer.raw(R"(,"client_secret":)").text(credential.client_secret).raw("}");
  return writer.size();
}

std::optional<std::string> fault_of_value(std::string_view name, std::string_view value) {
  const std::string the_name = "the " + std::string(name);
  if (value.empty()) return the_name + " is empty";
  if (value.size() > k_max_credential_value)
    return the_name + " is longer than " + std::to_string(k_max_credential_value) + " bytes";
  if (!std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return the_name + " holds blanks, control characters or letters beyond ASCII, which none has";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> fault_of(const CredentialView& credential) {
  if (auto fault = fault_of_value("client id", credential.client_id)) return fault;
  return fault_of_value("client secret", credential.client_secret);
}

std::size_t payload_size(const PayloadPlace& place, const CredentialView& credential) {
  return write(place, credential, nullptr);
}

void write_payload(const PayloadPlace& place, const CredentialView& credential, std::span<unsigned char> to) {
  const std::size_t size = write(place, credential, to.data());
  std::size_t padded = 0;
  sodium_pad(&padded, to.data(), size, to.size(), to.size());
}

Verified<Payload> read_payload(std::span<const unsigned char> padded) {
  std::size_t size = 0;
  if (sodium_unpad(&size, padded.data(), padded.size(), padded.size()) != 0)
    return bad_payload("its padding is wrong");
  const auto json = parse_flat({reinterpret_cast<const char*>(padded.data()), size},
                               {"device", "profile", "serial", "wave", "client_id", "client_secret"});
  if (!json) return bad_payload("it is no JSON of the known members");
  const auto device = text_member(*json, "device");
  const auto profile = text_member(*json, "profile");
  const auto serial = number_member(*json, "serial");
  const auto wave = number_member(*json, "wave");
  const auto client_id = text_member(*json, "client_id");
  const auto client_secret = text_member(*json, "client_secret");
  if (!device || !profile || !serial || !wave || !client_id || !client_secret)
    return bad_payload("a member is missing");
  if (!is_device_id(*device) || !wire::is_profile_name(*profile)) return bad_payload("a name is none");
  if (auto fault = fault_of(CredentialView{*client_id, *client_secret})) return bad_payload(*fault);
  return Payload{std::string(*device),
                 std::string(*profile),
                 *serial,
                 *wave,
                 std::string(*client_id),
                 SecretBytes::copy_of(*client_secret)};
}

}  // namespace fob::fleet
