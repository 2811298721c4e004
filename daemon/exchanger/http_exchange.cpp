#include "daemon/exchanger/http_exchange.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/exchanger/secret_memory.hpp"
#include "daemon/https/https.hpp"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <stdexcept>

namespace fob::exchanger {
namespace {

// design.md §6.
constexpr long k_total_timeout_ms = 30'000;

// The end of one certificate, in PEM form.
std::optional<std::chrono::sys_seconds> end_of_certificate(std::string_view pem) {
  struct Free {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, Free> certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)
                                                    : nullptr);
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&end)));
}

// A curl handle with all that must outlive it.
class Transfer {
 public:
  enum class Kind : std::uint8_t { post, look };
  Transfer(const HttpRequest& request, Kind kind);
  HttpOutcome run();
  std::optional<std::chrono::sys_seconds> certificate_ends() const;

 private:
  template <class T>
  void set(CURLoption option, T value) {
    https::set(handle_.get(), option, value);
  }
  template <class T>
  T info(CURLINFO what) const {
    T value{};
    curl_easy_getinfo(handle_.get(), what, &value);
    return value;
  }
  void add_header(const char* line);
  void set_limits();
  void set_server(const HttpRequest& request);
  void set_content(const HttpRequest& request);
  HttpAnswer answer() const;
  TransportFailure failure(CURLcode code) const;
  Trouble trouble(CURLcode code) const;
  Trouble trouble_of_tls(CURLcode code) const;
  std::string header(const char* name) const;

  static std::size_t on_body(char* bytes, std::size_t one, std::size_t count, void* self);
  static std::size_t on_head(char* line, std::size_t one, std::size_t count, void* self);
  static int before_request(void* self, char* peer, char* local, int peer_port, int local_port);

  struct Close {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::string body_;
  std::size_t head_size_ = 0;
  bool too_big_ = false;
  bool off_loopback_ = false;
  bool by_proxy_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::unique_ptr<curl_slist, Close> headers_;
  std::unique_ptr<CURL, Close> handle_;
};

Transfer::Transfer(const HttpRequest& request, Kind kind)
    : by_proxy_(request.proxy.has_value()), handle_(curl_easy_init()) {
  if (!handle_) throw std::runtime_error("libcurl gives no handle");
  set(CURLOPT_ERRORBUFFER, error_.data());
  set_limits();
  set_server(request);
  set(CURLOPT_USERAGENT, "fob-exchange/" FOB_VERSION);
  if (kind == Kind::post) {
    set_content(request);
  } else {
    set(CURLOPT_NOBODY, 1L);
    set(CURLOPT_CERTINFO, 1L);
  }
}

void Transfer::set_limits() {
  set(CURLOPT_TIMEOUT_MS, k_total_timeout_ms);
  set(CURLOPT_MAXFILESIZE, static_cast<long>(k_max_http_body));
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_head);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
}

void Transfer::set_server(const HttpRequest& request) {
  https::use(handle_.get(), {request.url, request.ca_pem, request.pin_sha256, request.proxy});
  if (!request.url.starts_with("http://")) return;
  set(CURLOPT_PREREQFUNCTION, &Transfer::before_request);
  set(CURLOPT_PREREQDATA, static_cast<void*>(this));
}

void Transfer::set_content(const HttpRequest& request) {
  if (!request.authorization.empty())
    add_header((WipingString("Authorization: ") + request.authorization).c_str());
  add_header(("Content-Type: " + std::string(request.content_type)).c_str());
  add_header("Accept: application/json");
  add_header("Expect:");
  set(CURLOPT_HTTPHEADER, headers_.get());
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
  set(CURLOPT_POSTFIELDS, request.body.c_str());  // not copied; the request outlives the transfer
}

void Transfer::add_header(const char* line) {
  curl_slist* longer = curl_slist_append(headers_.get(), line);
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(headers_.release());
  headers_.reset(longer);
}

std::size_t Transfer::on_body(char* bytes, std::size_t one, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t size = one * count;
  transfer.too_big_ = transfer.body_.size() + size > k_max_http_body;
  if (transfer.too_big_) return 0;
  transfer.body_.append(bytes, size);
  return size;
}

std::size_t Transfer::on_head(char*, std::size_t one, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.head_size_ += one * count;
  transfer.too_big_ = transfer.head_size_ > k_max_http_head;
  return transfer.too_big_ ? 0 : one * count;
}

// The name said loopback; this is where the connection really went, before a byte has been sent on it.
int Transfer::before_request(void* self, char* peer, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.off_loopback_ = !config::is_loopback_host(peer);
  return transfer.off_loopback_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

std::string Transfer::header(const char* name) const {
  curl_header* found = nullptr;
  if (curl_easy_header(handle_.get(), name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK) return "";
  return found->value;
}

HttpAnswer Transfer::answer() const {
  HttpAnswer answer;
  answer.status = static_cast<int>(info<long>(CURLINFO_RESPONSE_CODE));
  answer.content_type = header("Content-Type");
  answer.date = header("Date");
  answer.retry_after = header("Retry-After");
  if (const char* url = info<const char*>(CURLINFO_REDIRECT_URL); url != nullptr) answer.redirect = url;
  answer.body = body_;
  return answer;
}

Trouble Transfer::trouble_of_tls(CURLcode code) const {
  if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH) return Trouble::pin;
  if (code == CURLE_SSL_CACERT_BADFILE) return Trouble::ca_file;
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    // The chain is judged first and leaves its reason; where it left none (libcurl starts from
    // "unspecified"), it was the name.
    const long verify = info<long>(CURLINFO_SSL_VERIFYRESULT);
    const bool chain_is_good = verify == X509_V_OK || verify == X509_V_ERR_UNSPECIFIED;
    return chain_is_good || verify == X509_V_ERR_HOSTNAME_MISMATCH ? Trouble::host_name
                                                                   : Trouble::certificate;
  }
  // A connection that just ends in the handshake comes under the same code; only the text tells them apart.
  const std::string_view text = error_.data();
  const bool ended = text.find("SSL_ERROR_SYSCALL") != text.npos || text.find("reset") != text.npos ||
                     text.find("unexpected eof") != text.npos;
  return ended ? Trouble::dropped : Trouble::handshake;
}

Trouble Transfer::trouble(CURLcode code) const {
  if (off_loopback_) return Trouble::off_loopback;
  if (too_big_ || code == CURLE_FILESIZE_EXCEEDED) return Trouble::too_big;
  if (code == CURLE_OUT_OF_MEMORY)
    return Trouble::too_big;  // also what a line beyond libcurl's 100 KiB is called
  if (info<long>(CURLINFO_HTTP_CONNECTCODE) >= 300) return Trouble::proxy;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Trouble::resolve;
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Trouble::resolve_proxy;
    case CURLE_PROXY:
      return Trouble::proxy;
    case CURLE_COULDNT_CONNECT:
      return Trouble::connect;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
      return Trouble::dropped;
    case CURLE_RECV_ERROR:
      return info<long>(CURLINFO_RESPONSE_CODE) != 0 ? Trouble::cut_short : Trouble::dropped;
    case CURLE_PARTIAL_FILE:
      return Trouble::cut_short;
    case CURLE_OPERATION_TIMEDOUT:
      if (info<curl_off_t>(CURLINFO_NAMELOOKUP_TIME_T) == 0)
        return by_proxy_ ? Trouble::resolve_proxy : Trouble::resolve;
      return info<curl_off_t>(CURLINFO_PRETRANSFER_TIME_T) == 0 ? Trouble::connect_timeout
                                                                : Trouble::answer_timeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CACERT_BADFILE:
      return trouble_of_tls(code);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // "Received HTTP/0.9 when not allowed"
      return Trouble::not_http;
    default:
      return Trouble::other;
  }
}

TransportFailure Transfer::failure(CURLcode code) const {
  const char* text = error_.front() != '\0' ? error_.data() : curl_easy_strerror(code);
  return {trouble(code), static_cast<int>(info<long>(CURLINFO_RESPONSE_CODE)),
          info<long>(CURLINFO_SSL_VERIFYRESULT), text};
}

// What else the server shows need not be part of what was verified: servers send certificates along that
// ended long ago.
std::optional<std::chrono::sys_seconds> Transfer::certificate_ends() const {
  constexpr std::string_view k_certificate = "Cert:";
  const auto* shown = info<curl_certinfo*>(CURLINFO_CERTINFO);
  if (shown == nullptr || shown->num_of_certs == 0) return std::nullopt;
  for (const curl_slist* line = shown->certinfo[0]; line != nullptr; line = line->next) {
    const std::string_view text = line->data;
    if (text.starts_with(k_certificate)) return end_of_certificate(text.substr(k_certificate.size()));
  }
  return std::nullopt;
}

HttpOutcome Transfer::run() {
  const CURLcode code = curl_easy_perform(handle_.get());
  if (code == CURLE_OK) return answer();
  return failure(code);
}

// Each of these would let the environment write session keys to a file, load code into this process, or
// change whom it trusts.
void ignore_environment() {
  for (const char* name : {"SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_MODULES",
                           "OPENSSL_ENGINES", "SSL_CERT_FILE", "SSL_CERT_DIR"})
    ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
}

}  // namespace

HttpLibrary::HttpLibrary() {
  ignore_environment();
  if (!give_openssl_wiping_memory()) throw std::runtime_error("OpenSSL does not take our memory functions");
  if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiping_malloc, wiping_free, wiping_realloc, wiping_strdup,
                           wiping_calloc) != CURLE_OK)
    throw std::runtime_error("libcurl does not start");
}

HttpLibrary::~HttpLibrary() { curl_global_cleanup(); }

HttpOutcome HttpLibrary::post(const HttpRequest& request) const {
  return Transfer(request, Transfer::Kind::post).run();
}

HttpSight HttpLibrary::look(const HttpRequest& request) const {
  Transfer transfer(request, Transfer::Kind::look);
  auto outcome = transfer.run();
  return {std::move(outcome), transfer.certificate_ends()};
}

}  // namespace fob::exchanger
