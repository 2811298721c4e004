#include "daemon/gateway/upstream.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/gateway/wakeup.hpp"
#include "daemon/https/https.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <stdexcept>
#include <utility>

namespace fob::gateway {
namespace asio = boost::asio;

namespace {

// An upstream that neither takes nor gives a byte for so long has gone.
constexpr long k_silence_s = 60;
// Servers close what is idle after a minute or so, and a request that meets that cannot be told from a
// failure.
constexpr long k_reuse_s = 30;
// The least that libcurl takes: a device has many small requests, and few large ones.
constexpr long k_buffer = 16 * 1024;
constexpr long k_most_upstream_connections = 256;
constexpr int k_records_at_once = 4;
constexpr std::size_t k_max_answer_head = 64 * 1024;

class Curl;

class CurlTransfer final : public Transfer, public std::enable_shared_from_this<CurlTransfer> {
 public:
  CurlTransfer(std::shared_ptr<Curl> curl, const UpstreamSettings& settings, UpstreamRequest request,
               const asio::any_io_executor& executor);
  ~CurlTransfer() override;

  CURL* handle() const { return handle_.get(); }
  // By the loop of Curl.
  void done(CURLcode code) {
    outcome_ = code;
    changed_.wake();
  }

  asio::awaitable<bool> send(std::string_view piece) override {
    piece_ = piece;
    go_on(paused_sending_);
    while (!piece_.empty() && !outcome_ && !head_is_whole_) co_await changed_.sleep();
    const bool taken = piece_.empty();
    piece_ = {};
    if (head_is_whole_ && !taken) {
      // What upstream did not hear would be taken for the beginning of another request.
      set(CURLOPT_FORBID_REUSE, 1L);
      end_of_body();
    }
    co_return taken && !outcome_;
  }

  void end_of_body() override {
    body_ended_ = true;
    go_on(paused_sending_);
  }

  asio::awaitable<Result<UpstreamAnswer>> head() override {
    while (!head_is_whole_ && !outcome_) co_await changed_.sleep();
    if (!head_is_whole_) co_return failure();
    co_return answer();
  }

  asio::awaitable<Result<std::string_view>> receive() override {
    if (std::exchange(given_, false)) held_.clear();
    if (held_.empty()) go_on(paused_receiving_);
    while (held_.empty() && !outcome_) co_await changed_.sleep();
    if (held_.empty() && *outcome_ != CURLE_OK) co_return failure();
    given_ = true;
    co_return std::string_view(held_);
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    https::set(handle_.get(), option, value);
  }
  void add_header(const std::string& line);
  void set_limits();
  void set_server(const UpstreamSettings& settings);
  void set_content();
  void go_on(bool& paused);
  UpstreamAnswer answer() const;
  Error failure() const;

  static std::size_t on_send(char* into, std::size_t one, std::size_t count, void* self);
  static std::size_t on_head(char* line, std::size_t one, std::size_t count, void* self);
  static std::size_t on_body(char* bytes, std::size_t one, std::size_t count, void* self);
  static int before_request(void* self, char* peer, char* local, int peer_port, int local_port);

  struct Close {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::shared_ptr<Curl> curl_;
  UpstreamRequest request_;
  std::string_view piece_;  ///< of the request's body, not taken yet
  bool body_ended_ = false;
  std::string held_;    ///< of the answer's body
  bool given_ = false;  ///< to whoever receives it
  std::size_t head_size_ = 0;
  bool head_is_whole_ = false;
  bool paused_sending_ = false, paused_receiving_ = false;
  bool off_loopback_ = false;
  std::optional<CURLcode> outcome_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  Wakeup changed_;
  std::unique_ptr<curl_slist, Close> headers_;
  std::unique_ptr<CURL, Close> handle_;
};

// libcurl's multi interface, driven by Asio: libcurl says what it waits for, the loop waits
// (libcurl-multi(3), curl_multi_socket_action(3)).
class Curl final : public Upstream, public std::enable_shared_from_this<Curl> {
 public:
  Curl(asio::io_context& io, UpstreamSettings settings)
      : io_(io), settings_(std::move(settings)), timer_(io), multi_(curl_multi_init()) {
    if (!multi_) throw std::runtime_error("libcurl gives no handle");
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Curl::on_socket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Curl::on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, k_most_upstream_connections);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, k_most_upstream_connections / 8);
  }

  std::shared_ptr<Transfer> start(UpstreamRequest request) override {
    auto transfer =
        std::make_shared<CurlTransfer>(shared_from_this(), settings_, std::move(request), io_.get_executor());
    transfers_[transfer->handle()] = transfer.get();
    if (curl_multi_add_handle(multi_.get(), transfer->handle()) != CURLM_OK)
      transfer->done(CURLE_FAILED_INIT);
    return transfer;
  }

  void forget(CURL* handle) {
    if (transfers_.erase(handle) > 0) curl_multi_remove_handle(multi_.get(), handle);
  }

 private:
  // What is watched of one of libcurl's sockets. It is closed by libcurl, never by Asio, and its number may
  // mean another one right after it was let go.
  struct Watch {
    explicit Watch(asio::io_context& io) : descriptor(io) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { let_go(); }
    void let_go() {
      wanted = 0;
      if (descriptor.is_open()) static_cast<void>(descriptor.release());
    }
    asio::posix::stream_descriptor descriptor;
    int wanted = 0;
    bool reading = false, writing = false;
  };
  using WatchPtr = std::shared_ptr<Watch>;

  // False where the loop cannot watch any more.
  bool watch(int fd, int wanted) {
    if (wanted == CURL_POLL_REMOVE) {
      const auto found = watches_.find(fd);
      if (found == watches_.end()) return true;
      found->second->let_go();
      watches_.erase(found);
      return true;
    }
    auto& watch = watches_[fd];
    if (!watch) watch = std::make_shared<Watch>(io_);
    boost::system::error_code error;
    if (!watch->descriptor.is_open()) watch->descriptor.assign(fd, error);
    if (error) {
      watches_.erase(fd);
      return false;
    }
    watch->wanted = wanted;
    await(watch);
    return true;
  }

  void await(const WatchPtr& watch) {
    const auto wait = [&](int what, auto kind, bool Watch::*waiting) {
      if ((watch->wanted & what) == 0 || (*watch).*waiting) return;
      (*watch).*waiting = true;
      watch->descriptor.async_wait(kind, [self = weak_from_this(), watch, what, waiting](const auto& error) {
        (*watch).*waiting = false;
        const auto curl = self.lock();
        if (error || !curl || (watch->wanted & what) == 0) return;
        const bool out = what == CURL_POLL_OUT;
        // It sends one record each time, and there may be room for more.
        for (int turn = 0; turn < (out ? k_records_at_once : 1) && (watch->wanted & what) != 0; ++turn)
          curl->act(watch->descriptor.native_handle(), out ? CURL_CSELECT_OUT : CURL_CSELECT_IN);
        if (watch->wanted != 0) curl->await(watch);
      });
    };
    wait(CURL_POLL_IN, asio::posix::stream_descriptor::wait_read, &Watch::reading);
    wait(CURL_POLL_OUT, asio::posix::stream_descriptor::wait_write, &Watch::writing);
  }

  void act(curl_socket_t fd, int what) {
    const auto self = shared_from_this();
    int running = 0;
    curl_multi_socket_action(multi_.get(), fd, what, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto found = transfers_.find(message->easy_handle);
      if (found != transfers_.end()) found->second->done(message->data.result);
    }
  }

  static int on_socket(CURL*, curl_socket_t fd, int wanted, void* self, void*) {
    return static_cast<Curl*>(self)->watch(fd, wanted) ? 0 : -1;
  }

  static int on_timer(CURLM*, long in_ms, void* self) {
    auto& curl = *static_cast<Curl*>(self);
    if (in_ms < 0) curl.due_ = Due::max();
    if (in_ms >= 0) curl.be_due_in(std::chrono::milliseconds(in_ms));
    return 0;
  }

  // libcurl says so for each piece, mostly at once or about what is a second away; so the timer that is
  // running looks again when it is over.
  void be_due_in(std::chrono::milliseconds time) {
    due_ = std::chrono::steady_clock::now() + time;
    if (awaited_ && *awaited_ <= due_) return;
    if (time.count() == 0) return be_due_now();
    awaited_ = due_;
    timer_.expires_at(due_);
    timer_.async_wait([self = weak_from_this()](const auto& error) {
      const auto alive = self.lock();
      if (!alive || error) return;
      alive->awaited_.reset();
      alive->look_at_time();
    });
  }

  void be_due_now() {
    if (std::exchange(posted_, true)) return;
    asio::post(io_, [self = weak_from_this()] {
      const auto alive = self.lock();
      if (!alive) return;
      alive->posted_ = false;
      alive->look_at_time();
    });
  }

  void look_at_time() {
    if (due_ == Due::max()) return;
    const auto left = due_ - std::chrono::steady_clock::now();
    if (left.count() > 0) return be_due_in(std::chrono::ceil<std::chrono::milliseconds>(left));
    due_ = Due::max();
    act(CURL_SOCKET_TIMEOUT, 0);
  }

  struct Close {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
  };
  asio::io_context& io_;
  const UpstreamSettings settings_;
  using Due = std::chrono::steady_clock::time_point;
  Due due_ = Due::max();  ///< when libcurl wants to be asked
  asio::steady_timer timer_;
  std::optional<Due> awaited_;  ///< by the timer
  bool posted_ = false;
  std::map<int, WatchPtr> watches_;
  std::map<CURL*, CurlTransfer*> transfers_;
  std::unique_ptr<CURLM, Close> multi_;
};

CurlTransfer::CurlTransfer(std::shared_ptr<Curl> curl, const UpstreamSettings& settings,
                           UpstreamRequest request, const asio::any_io_executor& executor)
    : curl_(std::move(curl)), request_(std::move(request)), changed_(executor), handle_(curl_easy_init()) {
  if (!handle_) throw std::runtime_error("libcurl gives no handle");
  set(CURLOPT_ERRORBUFFER, error_.data());
  set_limits();
  set_server(settings);
  set_content();
}

CurlTransfer::~CurlTransfer() { curl_->forget(handle_.get()); }

void CurlTransfer::set_limits() {
  set(CURLOPT_MAXAGE_CONN, k_reuse_s);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, k_silence_s);
  set(CURLOPT_BUFFERSIZE, k_buffer);
  set(CURLOPT_UPLOAD_BUFFERSIZE, k_buffer);
  set(CURLOPT_READFUNCTION, &CurlTransfer::on_send);
  set(CURLOPT_READDATA, static_cast<void*>(this));
  set(CURLOPT_HEADERFUNCTION, &CurlTransfer::on_head);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
}

void CurlTransfer::set_server(const UpstreamSettings& settings) {
  https::use(handle_.get(), {request_.url, settings.ca_pem, settings.pin_sha256, settings.proxy});
  set(CURLOPT_PATH_AS_IS, 1L);
  if (!request_.url.starts_with("http://")) return;
  set(CURLOPT_PREREQFUNCTION, &CurlTransfer::before_request);
  set(CURLOPT_PREREQDATA, static_cast<void*>(this));
}

void CurlTransfer::set_content() {
  for (const auto& header : request_.headers)
    add_header(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  add_header("Authorization: Bearer " + request_.token);
  add_header("Expect:");
  // What the app did not send is not added.
  for (const char* own : {"Accept", "Content-Type"})
    if (std::none_of(request_.headers.begin(), request_.headers.end(),
                     [&](const Header& h) { return curl_strequal(h.name.c_str(), own) != 0; }))
      add_header(std::string(own) + ":");
  if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request_.has_body) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE,
        request_.body_size ? static_cast<curl_off_t>(*request_.body_size) : curl_off_t{-1});
    if (!request_.body_size) add_header("Transfer-Encoding: chunked");
  }
  set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  set(CURLOPT_HTTPHEADER, headers_.get());
}

void CurlTransfer::add_header(const std::string& line) {
  curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(headers_.release());
  headers_.reset(longer);
}

// libcurl calls back in the midst of this.
void CurlTransfer::go_on(bool& paused) {
  if (!std::exchange(paused, false) || outcome_) return;
  const int still = (paused_sending_ ? CURLPAUSE_SEND : 0) | (paused_receiving_ ? CURLPAUSE_RECV : 0);
  curl_easy_pause(handle_.get(), still);
}

std::size_t CurlTransfer::on_send(char* into, std::size_t one, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t size = std::min(one * count, transfer.piece_.size());
  if (size == 0 && transfer.body_ended_) return 0;
  transfer.paused_sending_ = size == 0;
  if (size == 0) return CURL_READFUNC_PAUSE;
  transfer.piece_.copy(into, size);
  transfer.piece_.remove_prefix(size);
  if (transfer.piece_.empty()) transfer.changed_.wake();
  return size;
}

std::size_t CurlTransfer::on_head(char* line, std::size_t one, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t size = one * count;
  transfer.head_size_ += size;
  if (transfer.head_size_ > k_max_answer_head) return 0;
  long status = 0;
  curl_easy_getinfo(transfer.handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 101) return 0;  // nobody asked for another protocol
  const std::string_view text(line, size);
  if ((text == "\r\n" || text == "\n") && status >= 200) {
    transfer.head_is_whole_ = true;
    transfer.changed_.wake();
  }
  return size;
}

std::size_t CurlTransfer::on_body(char* bytes, std::size_t one, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.paused_receiving_ = !transfer.held_.empty();
  if (transfer.paused_receiving_) return CURL_WRITEFUNC_PAUSE;
  transfer.held_.assign(bytes, one * count);
  transfer.changed_.wake();
  return one * count;
}

int CurlTransfer::before_request(void* self, char* peer, char*, int, int) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.off_loopback_ = !config::is_loopback_host(peer);
  return transfer.off_loopback_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

UpstreamAnswer CurlTransfer::answer() const {
  UpstreamAnswer answer;
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  curl_header* header = nullptr;
  while ((header = curl_easy_nextheader(handle_.get(), CURLH_HEADER, -1, header)) != nullptr)
    answer.headers.push_back({header->name, header->value});
  const bool coded = std::any_of(answer.headers.begin(), answer.headers.end(), [](const Header& h) {
    return curl_strequal(h.name.c_str(), "Transfer-Encoding") != 0;
  });
  curl_off_t size = -1;
  curl_easy_getinfo(handle_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
  if (!coded && size >= 0) answer.body_size = static_cast<std::uint64_t>(size);
  return answer;
}

Error CurlTransfer::failure() const {
  const std::string text = error_.front() != '\0' ? error_.data() : curl_easy_strerror(*outcome_);
  const auto code = [&] {
    switch (*outcome_) {
      case CURLE_OPERATION_TIMEDOUT:
        return ErrorCode::timeout;
      case CURLE_SSL_CONNECT_ERROR:
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return ErrorCode::tls;
      case CURLE_COULDNT_RESOLVE_HOST:
      case CURLE_COULDNT_RESOLVE_PROXY:
      case CURLE_COULDNT_CONNECT:
        return ErrorCode::unreachable;
      default:
        return ErrorCode::bad_answer;
    }
  }();
  return fail(code, off_loopback_ ? "the upstream's name leads off this machine, and it is http" : text);
}

}  // namespace

std::shared_ptr<Upstream> Upstream::make(asio::io_context& io, UpstreamSettings settings) {
  return std::make_shared<Curl>(io, std::move(settings));
}

}  // namespace fob::gateway
