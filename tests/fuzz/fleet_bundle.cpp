// All that a fleet's files may hold: a bundle that somebody else made, enrol lines, receipts, tables, keys.
// Without the operator's key no bundle is ever accepted, and without a device's no enrol line; what is put
// together wrongly but signed is anything but a crash.
#include "daemon/fleet/bundle_reader.hpp"
#include "daemon/fleet/credentials.hpp"
#include "daemon/fleet/device_list.hpp"
#include "daemon/fleet/enrol_line.hpp"
#include "daemon/fleet/operator_key.hpp"
#include "daemon/fleet/payload.hpp"
#include "daemon/fleet/receipt.hpp"
#include "daemon/fleet/report.hpp"
#include "daemon/fleet/signing.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace fob;
using namespace fob::fleet;

void demand(bool holds) {
  if (!holds) std::abort();
}

SecretBytes counting(std::size_t size, unsigned char first) {
  SecretBytes bytes(size);
  std::iota(bytes.bytes().begin(), bytes.bytes().end(), first);
  return bytes;
}

// Those of docs/fleet-bundle.md, which the corpus is made with.
const DeviceIdentity& device() {
  static const DeviceIdentity identity =
      identity_from("headset-a", counting(k_identity_secret, 0x20)).value();
  return identity;
}
const OperatorKey& operator_key() {
  static const OperatorKey key = operator_key_from(counting(32, 0)).value();
  return key;
}

// As it stands: only the corpus's own bundle is genuine, and that one whole.
void read_as_bundle(std::string_view text) {
  const BundleBytes source(octets(text));
  const std::vector trusted{operator_key().public_key};
  const auto opened = open_bundle(source, trusted, device());
  const auto verified = verify_bundle(source, trusted);
  demand(!opened || (verified && opened->client_id == "client-headset-a" && opened->header.serial == 7));
  demand(!verified || verified->serial == 7);
}

// Signed by a trusted operator who makes every mistake there is.
void read_as_signed(std::string_view text) {
  BundleHash hash;
  hash.add(octets(text));
  const Signature signature = hash.sign(operator_key().secret);
  const std::string bytes = std::string(text).append(signature.begin(), signature.end());
  const auto opened =
      open_bundle(BundleBytes(octets(bytes)), std::vector{operator_key().public_key}, device());
  demand(!opened || (opened->wave < opened->header.waves.size() && !opened->client_secret.empty()));
}

void read_as_header(std::string_view text) {
  const auto header = parse_header(text);
  if (!header) return;
  demand(fault_of(*header).empty());
  demand(parse_header(encode_header(*header)).value() == *header);
}

void read_as_enrolment(std::string_view text) {
  const auto enrolled = parse_enrol_line(text);
  demand(!enrolled || (enrolled->sign_key == device().sign_key && enrolled->box_key == device().box_key));
  DeviceListReader reader("devices");
  if (!reader.feed(text.substr(0, text.size() / 2)) || !reader.feed(text.substr(text.size() / 2))) return;
  const auto list = reader.finish();
  demand(!list || (list->size() == 1 && list->id(0) == device().id));
}

void read_as_receipt(std::string_view text) {
  const auto receipt = decode_receipt(text);
  if (!receipt) return;
  demand(decode_receipt(encode_receipt(*receipt)).has_value());
  ReportBuilder builder;
  builder.add(*receipt);
  demand(!to_table(builder.finish(nullptr)).empty());
}

void read_as_secrets(std::string_view text) {
  const auto payload = read_payload(octets(text));
  demand(!payload || !fault_of(CredentialView{payload->client_id, payload->client_secret.reveal()}));
  const auto table = Credentials::from_table(SecretBytes::copy_of(text), "table");
  demand(!table || table->lines() > 0);
  // Without a passphrase, hence without its work.
  const auto key = decode_operator_key(text, nullptr);
  demand(!key || !wants_passphrase(text).value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  read_as_bundle(text);
  read_as_signed(text);
  read_as_header(text);
  read_as_enrolment(text);
  read_as_receipt(text);
  read_as_secrets(text);
  return 0;
}
