#include "daemon/store/vault_file.hpp"

#include "ipc/wire/json.hpp"

#include <sodium.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <span>

namespace fob::store {
namespace {

using wire::Json;

constexpr std::int64_t k_format = 1;
constexpr std::size_t k_nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
// The client id's length stands before it: one byte low, one byte high.
constexpr std::size_t k_length_bytes = 2;
static_assert(k_max_credential <= 0xffff);

Error unusable(std::string reason) { return fail(ErrorCode::store_locked, std::move(reason)); }

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// The box of `plain`, bound to `bound`, under a fresh random nonce (192 bits: no two are ever alike).
std::string seal(std::span<const unsigned char> plain, std::string_view bound, const SecretBytes& key,
                 std::string& nonce) {
  nonce.resize(k_nonce_bytes);
  randombytes_buf(nonce.data(), nonce.size());
  std::string box(plain.size() + k_tag_bytes, '\0');
  crypto_aead_xchacha20poly1305_ietf_encrypt(octets(box), nullptr, plain.data(), plain.size(), octets(bound),
                                             bound.size(), nullptr, octets(nonce), key.bytes().data());
  return box;
}

bool open(std::string_view box, std::string_view nonce, std::string_view bound, const SecretBytes& key,
          std::span<unsigned char> plain) {
  return nonce.size() == k_nonce_bytes && box.size() == plain.size() + k_tag_bytes &&
         key.size() == k_vault_key_bytes &&
         crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, octets(box), box.size(),
                                                    octets(bound), bound.size(), octets(nonce),
                                                    key.bytes().data()) == 0;
}

std::string to_base64(std::string_view bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), octets(bytes), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the NUL that the length counts
  return text;
}

// What a box is bound to. NUL cannot occur in any of the parts, so no two lists of parts give the same text.
std::string bound(std::string_view what, std::initializer_list<std::string> parts) {
  std::string text(what);
  for (const auto& part : parts) text += '\0' + part;
  return text;
}

std::string milliseconds_of(WallTime time) { return std::to_string(time.time_since_epoch().count()); }

std::string bound_to_slot(SlotPlace place, std::uint64_t version, WallTime stored_at) {
  return bound("fob-vault-slot-1", {std::string(place.profile), std::string(wire::to_string(place.slot)),
                                    std::to_string(version), milliseconds_of(stored_at)});
}

std::string bound_to_file(const VaultFile& file, std::string_view profile) {
  std::string all = bound("fob-vault-file-1", {std::string(profile), std::to_string(file.counter)});
  for (const auto& [slot, sealed] : file.slots)
    all += bound("", {std::string(wire::to_string(slot)), std::to_string(sealed.version),
                      milliseconds_of(sealed.stored_at), to_base64(sealed.nonce), to_base64(sealed.box)});
  return all;
}

std::optional<std::string> base64_member(const Json& object, const char* name) {
  const auto text = wire::string_member(object, name);
  if (!text) return std::nullopt;
  std::string bytes(text->size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(octets(bytes), bytes.size(), text->data(), text->size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0)
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

Result<SealedSlot> decode_slot(const Json& json) {
  if (!json.is_object()) return unusable("a slot is not an object");
  const auto version = wire::integer_member(json, "version");
  const auto stored_at = wire::integer_member(json, "stored_at_ms");
  auto nonce = base64_member(json, "nonce");
  auto box = base64_member(json, "box");
  if (!version || *version < 1 || !stored_at || !nonce || !box) return unusable("a slot is incomplete");
  return SealedSlot{static_cast<std::uint64_t>(*version), WallTime(std::chrono::milliseconds(*stored_at)),
                    std::move(*nonce), std::move(*box)};
}

Result<VaultFile> decode_unsealed(const Json& json, std::string_view profile) {
  if (wire::integer_member(json, "fob_vault") != k_format)
    return unusable("it is not a vault file of this version of fob");
  if (wire::unknown_member(json, {"fob_vault", "profile", "counter", "slots", "seal"}))
    return unusable("it holds something unknown");
  const auto owner = wire::string_member(json, "profile");
  if (owner != profile)
    return unusable("it was written for profile \"" + wire::printable(owner.value_or(""), 64) + "\"");
  const auto counter = wire::integer_member(json, "counter");
  const auto slots = json.find("slots");
  if (!counter || *counter < 0 || slots == json.end() || !slots->is_object())
    return unusable("it is incomplete");

  VaultFile file;
  file.counter = static_cast<std::uint64_t>(*counter);
  for (const auto& [name, value] : slots->items()) {
    const auto slot = wire::slot_from(name);
    if (!slot) return unusable("it holds an unknown slot");
    auto decoded = decode_slot(value);
    if (!decoded) return decoded.error();
    file.slots.emplace(*slot, std::move(*decoded));
  }
  return file;
}

Json to_json(const VaultFile& file, std::string_view profile) {
  Json slots = Json::object();
  for (const auto& [slot, sealed] : file.slots)
    slots[std::string(wire::to_string(slot))] = {
        {"version", sealed.version},
        {"stored_at_ms", sealed.stored_at.time_since_epoch().count()},
        {"nonce", to_base64(sealed.nonce)},
        {"box", to_base64(sealed.box)}};
  return {{"fob_vault", k_format},
          {"profile", std::string(profile)},
          {"counter", file.counter},
          {"slots", std::move(slots)}};
}

}  // namespace

Result<SealedSlot> seal_slot(const Credential& credential, SlotPlace place, std::uint64_t version,
                             WallTime stored_at, const SecretBytes& key) {
  const auto& id = credential.client_id;
  const auto secret = credential.secret.bytes();
  if (id.empty() || secret.empty())
    return fail(ErrorCode::store, "a credential needs a client id and a secret; one of them is empty");
  if (id.size() + secret.size() > k_max_credential)
    return fail(ErrorCode::store,
                "the credential is longer than " + std::to_string(k_max_credential) + " bytes");

  SecretBytes plain(k_length_bytes + id.size() + secret.size());
  auto at = plain.bytes().begin();
  *at++ = static_cast<unsigned char>(id.size() & 0xff);
  *at++ = static_cast<unsigned char>(id.size() >> 8);
  at = std::copy(id.begin(), id.end(), at);
  std::copy(secret.begin(), secret.end(), at);

  SealedSlot sealed{version, stored_at, {}, {}};
  sealed.box = seal(plain.bytes(), bound_to_slot(place, version, stored_at), key, sealed.nonce);
  return sealed;
}

Result<Credential> open_slot(const SealedSlot& sealed, SlotPlace place, const SecretBytes& key) {
  if (sealed.box.size() < k_tag_bytes + k_length_bytes || sealed.box.size() > k_max_vault_file)
    return unusable("a slot's box has the wrong size");
  SecretBytes plain(sealed.box.size() - k_tag_bytes);
  if (!open(sealed.box, sealed.nonce, bound_to_slot(place, sealed.version, sealed.stored_at), key,
            plain.bytes()))
    return unusable("its " + std::string(wire::to_string(place.slot)) + " slot does not open");

  const std::size_t id_size = plain.bytes()[0] + (std::size_t{plain.bytes()[1]} << 8);
  const std::string_view rest = plain.reveal().substr(k_length_bytes);
  if (id_size > rest.size()) return unusable("a slot's box is malformed");
  return Credential{std::string(rest.substr(0, id_size)), SecretBytes::copy_of(rest.substr(id_size))};
}

std::string encode_vault_file(const VaultFile& file, std::string_view profile, const SecretBytes& key) {
  Json json = to_json(file, profile);
  std::string nonce;
  const std::string tag = seal({}, bound_to_file(file, profile), key, nonce);
  json["seal"] = {{"nonce", to_base64(nonce)}, {"tag", to_base64(tag)}};
  return wire::dump(json) + "\n";
}

Result<VaultFile> decode_vault_file(std::string_view text, std::string_view profile, const SecretBytes& key) {
  const auto json = wire::parse_object(text, k_max_vault_file, ErrorCode::store_locked);
  if (!json) return unusable("it is not a vault file (" + json.error().detail + ")");
  auto file = decode_unsealed(*json, profile);
  if (!file) return file;

  const auto found = json->find("seal");
  const Json seal_member = found != json->end() && found->is_object() ? *found : Json::object();
  const auto nonce = base64_member(seal_member, "nonce");
  const auto tag = base64_member(seal_member, "tag");
  if (!nonce || !tag || !open(*tag, *nonce, bound_to_file(*file, profile), key, {}))
    return unusable("its seal does not fit: it was damaged, altered, or sealed with another key");
  return file;
}

}  // namespace fob::store
