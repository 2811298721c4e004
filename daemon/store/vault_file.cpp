#include "daemon/store/vault_file.hpp"

#include "daemon/store/record_text.hpp"
#include "ipc/wire/json.hpp"

#include <optional>

namespace fob::store {
namespace {

using wire::Json;

constexpr std::int64_t k_vault_format = 1;
constexpr std::size_t k_nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

Error unusable_vault(std::string reason) { return fail(ErrorCode::store_damaged, std::move(reason)); }

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string to_base64(std::string_view bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), octets(bytes), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the NUL that the length counts
  return text;
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

// What the box is bound to besides its key. A profile's name holds no NUL.
std::string binding(std::string_view profile) {
  using namespace std::string_literals;
  return "fob-vault-1\0"s + std::string(profile);
}

Result<SecretBytes> open_box(std::string_view box, std::string_view nonce, std::string_view profile,
                             const SecretBytes& key) {
  if (nonce.size() != k_nonce_bytes || box.size() <= k_tag_bytes || key.size() != k_vault_key_bytes)
    return unusable_vault("its box has the wrong size");
  SecretBytes plain(box.size() - k_tag_bytes);
  const std::string bound = binding(profile);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.bytes().data(), nullptr, nullptr, octets(box),
                                                 box.size(), octets(bound), bound.size(), octets(nonce),
                                                 key.bytes().data()) != 0)
    return unusable_vault("its box does not open: it was damaged, altered, or sealed with another key");
  return plain;
}

}  // namespace

Result<std::string> seal_record(const Record& record, std::string_view profile, const SecretBytes& key) {
  const auto plain = encode_record(record, profile);
  if (!plain) return plain.error();
  // Fresh and random, of 192 bits: no two are ever alike.
  std::string nonce(k_nonce_bytes, '\0');
  randombytes_buf(nonce.data(), nonce.size());
  std::string box(plain->size() + k_tag_bytes, '\0');
  const std::string bound = binding(profile);
  crypto_aead_xchacha20poly1305_ietf_encrypt(octets(box), nullptr, plain->bytes().data(), plain->size(),
                                             octets(bound), bound.size(), nullptr, octets(nonce),
                                             key.bytes().data());
  const Json envelope = {{"fob_vault", k_vault_format},
                         {"profile", std::string(profile)},
                         {"nonce", to_base64(nonce)},
                         {"box", to_base64(box)}};
  return wire::dump(envelope) + "\n";
}

Result<Record> open_record(std::string_view text, std::string_view profile, const SecretBytes& key) {
  const auto json = wire::parse_object(text, k_max_vault_file, ErrorCode::store_locked);
  if (!json) return unusable_vault("it is not a vault file (" + json.error().detail + ")");
  if (wire::integer_member(*json, "fob_vault") != k_vault_format)
    return unusable_vault("it is not a vault file of this version of fob");
  if (wire::unknown_member(*json, {"fob_vault", "profile", "nonce", "box"}))
    return unusable_vault("it holds something unknown");
  const auto owner = wire::string_member(*json, "profile");
  if (owner != profile)
    return unusable_vault("it was written for profile \"" + wire::printable(owner.value_or(""), 64) + "\"");
  const auto nonce = base64_member(*json, "nonce");
  const auto box = base64_member(*json, "box");
  if (!nonce || !box) return unusable_vault("it is incomplete");
  const auto plain = open_box(*box, *nonce, profile, key);
  if (!plain) return plain.error();
  return decode_record(plain->reveal(), profile);
}

}  // namespace fob::store
