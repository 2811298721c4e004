#include "tests/authority/certificates.hpp"

#include "ipc/base/file.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sodium.h>

#include <array>
#include <memory>
#include <new>

namespace fob::authority {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Extension = std::unique_ptr<X509_EXTENSION, Free>;

struct Issuer {
  Certificate certificate;
  Key key;
};

/// From `begin` to `end`, in days from now.
struct Validity {
  int begin;
  int end;
};
// A day back, for machines whose clocks disagree a little. Nobody should live on a sandbox's CA for longer.
constexpr Validity k_ca_validity{-1, 3650};
constexpr Validity k_server_validity{-1, 365};
constexpr Validity k_past{-30, -1};
constexpr Validity k_future{1, 30};

constexpr std::size_t k_max_pem = 64 * 1024;

/// OpenSSL fails here only without memory or with a bug of ours: neither is an outcome to handle.
template <class T>
T* must(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}
void must(bool done) {
  if (!done) throw std::bad_alloc();
}

Bio memory_bio() { return Bio(must(BIO_new(BIO_s_mem()))); }

std::string drained(BIO* bio) {
  std::string text(BIO_ctrl_pending(bio), '\0');
  must(BIO_read(bio, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()));
  return text;
}

std::string pem(X509* certificate) {
  const Bio bio = memory_bio();
  must(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return drained(bio.get());
}

std::string pem(EVP_PKEY* key) {
  const Bio bio = memory_bio();
  must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return drained(bio.get());
}

Key new_key() { return Key(must(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"))); }

/// Without this OpenSSL would ask the terminal for the passphrase of an encrypted key.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<Bio> opened(const std::filesystem::path& file) {
  const auto text = read_file(file, k_max_pem, ErrorCode::config);
  if (!text) return text.error();
  Bio bio = memory_bio();
  must(BIO_write(bio.get(), text->data(), static_cast<int>(text->size())) == static_cast<int>(text->size()));
  return bio;
}

bool is_there(const std::filesystem::path& file) {
  std::error_code unknown;
  return std::filesystem::exists(file, unknown) || unknown;
}

/// The key in `file`, made there if there is none.
Result<Key> kept_key(const std::filesystem::path& file) {
  if (!is_there(file)) {
    Key key = new_key();
    if (auto saved = replace_file(file, pem(key.get()), 0600, ErrorCode::config); !saved)
      return saved.error();
    return key;
  }
  const auto bio = opened(file);
  if (!bio) return bio.error();
  Key key(PEM_read_bio_PrivateKey(bio->get(), nullptr, no_passphrase, nullptr));
  if (!key)
    return fail(ErrorCode::config, file.string() + " holds no private key; remove it to have a new one made");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(must(X509V3_EXT_conf_nid(nullptr, &context, nid, value)));
  must(X509_add_ext(certificate, extension.get(), -1) == 1);
}

/// All but the extensions and the signature. The serial is random, since one CA makes a certificate at each
/// start and some clients refuse to see a serial twice.
Certificate blank(const char* name, EVP_PKEY* key, Validity validity) {
  Certificate certificate(must(X509_new()));
  X509* x = certificate.get();
  std::uint64_t serial = 0;
  randombytes_buf(&serial, sizeof serial);
  must(X509_set_version(x, X509_VERSION_3) == 1);
  must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), (serial >> 1) | 1) == 1);
  must(X509_time_adj_ex(X509_getm_notBefore(x), validity.begin, 0, nullptr));
  must(X509_time_adj_ex(X509_getm_notAfter(x), validity.end, 0, nullptr));
  must(X509_set_pubkey(x, key) == 1);
  const auto* text = reinterpret_cast<const unsigned char*>(name);
  must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1);
  return certificate;
}

void seal(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
  must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
  must(X509_sign(certificate, issuer_key, EVP_sha256()) != 0);
}

Certificate new_ca(const char* name, EVP_PKEY* key) {
  Certificate certificate = blank(name, key, k_ca_validity);
  X509* x = certificate.get();
  add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(x, x, NID_subject_key_identifier, "hash");
  add_extension(x, x, NID_name_constraints,
                "critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0,"
                "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  seal(x, x, key);
  return certificate;
}

Certificate new_server_certificate(EVP_PKEY* key, const Issuer& issuer, CertificateFlaw flaw) {
  const auto validity = flaw == CertificateFlaw::expired         ? k_past
                        : flaw == CertificateFlaw::not_yet_valid ? k_future
                                                                 : k_server_validity;
  // The wrong host lies within the CA's constraints, so that its name is all that is wrong with it.
  const char* names =
      flaw == CertificateFlaw::wrong_host ? "DNS:elsewhere.localhost" : "DNS:localhost,IP:127.0.0.1,IP:::1";
  Certificate certificate = blank("fob sandbox, not for production", key, validity);
  X509* x = certificate.get();
  X509* ca = issuer.certificate.get();
  add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(x, ca, NID_key_usage, "critical,digitalSignature");
  add_extension(x, ca, NID_ext_key_usage, "serverAuth");
  add_extension(x, ca, NID_subject_key_identifier, "hash");
  add_extension(x, ca, NID_authority_key_identifier, "keyid:always");
  add_extension(x, ca, NID_subject_alt_name, names);
  seal(x, ca, issuer.key.get());
  return certificate;
}

/// The CA in `directory`, made there if there is none. The key goes first: a crash between the two leaves a
/// key without a certificate, and the next start makes that.
Result<Issuer> kept_ca(const std::filesystem::path& directory) {
  const auto certificate_file = directory / "ca.pem";
  const auto key_file = directory / "ca-key.pem";
  if (is_there(certificate_file) && !is_there(key_file))
    return fail(ErrorCode::config,
                certificate_file.string() + " has lost its ca-key.pem; remove it to have a new CA");
  auto key = kept_key(key_file);
  if (!key) return key.error();
  if (!is_there(certificate_file)) {
    Certificate made = new_ca("fob sandbox CA, not for production", key->get());
    // Public, unlike its neighbours: whoever runs the client may need to read it.
    auto saved = replace_file(certificate_file, pem(made.get()), 0644, ErrorCode::config);
    if (!saved) return saved.error();
    return Issuer{std::move(made), std::move(*key)};
  }
  const auto bio = opened(certificate_file);
  if (!bio) return bio.error();
  Certificate found(PEM_read_bio_X509(bio->get(), nullptr, no_passphrase, nullptr));
  if (!found || X509_check_private_key(found.get(), key->get()) != 1)
    return fail(ErrorCode::config, certificate_file.string() + " does not belong to ca-key.pem; remove both");
  return Issuer{std::move(found), std::move(*key)};
}

Issuer foreign_ca() {
  Key key = new_key();
  Certificate certificate = new_ca("another CA, trusted by nobody", key.get());
  return {std::move(certificate), std::move(key)};
}

std::string pin_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  must(size > 0);
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), der, static_cast<unsigned long long>(size));
  OPENSSL_free(der);
  std::string text(sodium_base64_encoded_len(hash.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), hash.data(), hash.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the terminator that libsodium counts
  return text;
}

}  // namespace

std::optional<CertificateFlaw> certificate_flaw(std::string_view name) {
  if (name == "expired") return CertificateFlaw::expired;
  if (name == "wrong-host") return CertificateFlaw::wrong_host;
  if (name == "not-yet-valid") return CertificateFlaw::not_yet_valid;
  if (name == "untrusted") return CertificateFlaw::untrusted;
  return std::nullopt;
}

Result<TlsIdentity> make_identity(const std::filesystem::path& directory, CertificateFlaw flaw) {
  auto ca = kept_ca(directory);
  if (!ca) return ca.error();
  const auto key = kept_key(directory / "server-key.pem");
  if (!key) return key.error();
  if (flaw == CertificateFlaw::untrusted) *ca = foreign_ca();
  const Certificate certificate = new_server_certificate(key->get(), *ca, flaw);
  return TlsIdentity{pem(certificate.get()), pem(key->get()), pin_of(certificate.get())};
}

}  // namespace fob::authority
