#include "daemon/fleet/operator_key.hpp"

#include "daemon/fleet/flat_json.hpp"
#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/wrong.hpp"
#include "ipc/wire/json.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace fob::fleet {
namespace {

constexpr std::uint64_t k_key_format = 1;
constexpr std::size_t k_seed = crypto_sign_SEEDBYTES;

using Salt = std::array<unsigned char, crypto_pwhash_argon2id_SALTBYTES>;
using Nonce = std::array<unsigned char, crypto_secretbox_NONCEBYTES>;
using Box = std::array<unsigned char, crypto_secretbox_MACBYTES + k_seed>;

// What a key file holds, in either of its forms.
struct KeyFile {
  PublicKey public_key{};
  SecretBytes seed;  // empty where there is a box
  KdfCost cost;
  Salt salt{};
  Nonce nonce{};
  Box box{};
};

bool is_allowed(const KdfCost& cost) {
  return cost.passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN && cost.passes <= k_max_kdf_passes &&
         cost.memory >= crypto_pwhash_argon2id_MEMLIMIT_MIN && cost.memory <= k_max_kdf_memory;
}

Result<SecretBytes> key_from(const SecretBytes& passphrase, const Salt& salt, const KdfCost& cost) {
  if (passphrase.empty() || passphrase.size() > k_max_passphrase)
    return wrong("a passphrase must have 1 to " + std::to_string(k_max_passphrase) + " bytes");
  SecretBytes key(crypto_secretbox_KEYBYTES);
  const auto phrase = passphrase.reveal();
  if (crypto_pwhash(key.bytes().data(), key.size(), phrase.data(), phrase.size(), salt.data(), cost.passes,
                    cost.memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return wrong("there is not enough memory to work on the passphrase: it takes " +
                 std::to_string(cost.memory / (1024 * 1024)) + " MiB");
  return key;
}

std::optional<KeyFile> decode_file(std::string_view text) {
  if (text.size() > k_max_operator_key) return std::nullopt;
  const auto json = parse_flat(
      text, {"fob_operator_key", "public", "seed", "kdf", "passes", "memory", "salt", "nonce", "box"});
  if (!json || number_member(*json, "fob_operator_key") != k_key_format) return std::nullopt;
  const auto member = [&](const char* name) { return text_member(*json, name).value_or(""); };
  KeyFile file;
  if (!from_base64(member("public"), file.public_key)) return std::nullopt;
  if (json->contains("seed")) {
    file.seed = SecretBytes(k_seed);
    if (json->size() != 3 || !from_base64(member("seed"), file.seed.bytes())) return std::nullopt;
    return file;
  }
  file.cost = {number_member(*json, "passes").value_or(0), number_member(*json, "memory").value_or(0)};
  const bool whole = member("kdf") == "argon2id13" && from_base64(member("salt"), file.salt) &&
                     from_base64(member("nonce"), file.nonce) && from_base64(member("box"), file.box);
  if (!whole) return std::nullopt;
  return file;
}

Result<KeyFile> checked_file(std::string_view text) {
  auto file = decode_file(text);
  if (!file) return wrong("this is no operator's key as `fob fleet keygen` writes it");
  if (file->seed.empty() && !is_allowed(file->cost))
    return wrong(
        "this key file asks for more work on the passphrase than is allowed; it is damaged, or not "
        "one of `fob fleet keygen`");
  return std::move(*file);
}

// The file's text with the seed in it, put together where it is wiped.
SecretBytes plain_file(const OperatorKey& key) {
  const std::string start =
      R"({"fob_operator_key":1,"public":")" + to_base64(key.public_key) + R"(","seed":")";
  constexpr std::string_view k_end = "\"}\n";
  constexpr std::size_t k_text = sodium_base64_ENCODED_LEN(k_seed, sodium_base64_VARIANT_ORIGINAL);
  SecretBytes text(start.size() + k_text - 1 + k_end.size());
  const auto to = text.bytes();
  std::copy(start.begin(), start.end(), to.begin());
  // The first 32 bytes of libsodium's secret key are the seed. The NUL at the end gives way to k_end.
  sodium_bin2base64(reinterpret_cast<char*>(to.data() + start.size()), k_text, key.secret.bytes().data(),
                    k_seed, sodium_base64_VARIANT_ORIGINAL);
  std::copy(k_end.begin(), k_end.end(), to.end() - k_end.size());
  return text;
}

}  // namespace

OperatorKey make_operator_key() {
  OperatorKey key{{}, SecretBytes(crypto_sign_SECRETKEYBYTES)};
  crypto_sign_keypair(key.public_key.data(), key.secret.bytes().data());
  return key;
}

Result<OperatorKey> operator_key_from(const SecretBytes& seed) {
  if (seed.size() != k_seed) return wrong("an operator's key is made of 32 bytes");
  OperatorKey key{{}, SecretBytes(crypto_sign_SECRETKEYBYTES)};
  crypto_sign_seed_keypair(key.public_key.data(), key.secret.bytes().data(), seed.bytes().data());
  return key;
}

Result<SecretBytes> encode_operator_key(const OperatorKey& key, const SecretBytes* passphrase,
                                        const KdfCost& cost) {
  if (passphrase == nullptr) return plain_file(key);
  if (!is_allowed(cost)) return wrong("this much work on the passphrase is not allowed");
  KeyFile file;
  SecretBytes seed(k_seed);
  std::copy_n(key.secret.bytes().begin(), k_seed, seed.bytes().begin());
  randombytes_buf(file.salt.data(), file.salt.size());
  randombytes_buf(file.nonce.data(), file.nonce.size());
  const auto lock = key_from(*passphrase, file.salt, cost);
  if (!lock) return lock.error();
  crypto_secretbox_easy(file.box.data(), seed.bytes().data(), seed.size(), file.nonce.data(),
                        lock->bytes().data());
  const wire::Json json = {{"fob_operator_key", k_key_format},
                           {"public", to_base64(key.public_key)},
                           {"kdf", "argon2id13"},
                           {"passes", cost.passes},
                           {"memory", cost.memory},
                           {"salt", to_base64(file.salt)},
                           {"nonce", to_base64(file.nonce)},
                           {"box", to_base64(file.box)}};
  return SecretBytes::copy_of(wire::dump(json) + "\n");
}

Result<bool> wants_passphrase(std::string_view text) {
  const auto file = checked_file(text);
  if (!file) return file.error();
  return file->seed.empty();
}

Result<OperatorKey> decode_operator_key(std::string_view text, const SecretBytes* passphrase) {
  auto file = checked_file(text);
  if (!file) return file.error();
  if (file->seed.empty()) {
    if (passphrase == nullptr) return wrong("this key file wants a passphrase");
    const auto lock = key_from(*passphrase, file->salt, file->cost);
    if (!lock) return lock.error();
    file->seed = SecretBytes(k_seed);
    if (crypto_secretbox_open_easy(file->seed.bytes().data(), file->box.data(), file->box.size(),
                                   file->nonce.data(), lock->bytes().data()) != 0)
      return wrong("the passphrase is wrong, or the key file was damaged");
  }
  auto key = operator_key_from(file->seed);
  if (key && key->public_key != file->public_key)
    return wrong("the key file contradicts itself: its public key belongs to another key");
  return key;
}

}  // namespace fob::fleet
