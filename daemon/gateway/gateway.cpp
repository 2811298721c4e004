#include "daemon/gateway/gateway.hpp"

#include "daemon/config/ca_file.hpp"
#include "daemon/config/gateway_checks.hpp"
#include "daemon/gateway/awaiting.hpp"
#include "daemon/gateway/peer_user.hpp"
#include "daemon/gateway/session.hpp"
#include "ipc/base/users.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace fob::gateway {
namespace asio = boost::asio;

namespace {

using asio::ip::tcp;

// Of each listener; a crowd beyond it waits in the kernel's queue.
constexpr std::size_t k_most_connections = 256;
constexpr std::chrono::milliseconds k_accept_rest{100};

Result<std::set<uid_t>> users_of(const config::Gateway& settings) {
  std::set<uid_t> users;
  for (const auto& name : settings.users) {
    const auto user = user_named(name);
    if (!user)
      return fail(ErrorCode::config,
                  "gateway." + settings.name + ".users: there is no user \"" + name + "\"");
    users.insert(*user);
  }
  return users;
}

Result<UpstreamSettings> upstream_of(const config::Gateway& settings, const config::Profile& profile) {
  UpstreamSettings upstream;
  upstream.proxy = profile.proxy;
  // The pin is of the endpoint's server.
  if (settings.upstream == config::base_of(profile.endpoint)) upstream.pin_sha256 = profile.pin_sha256;
  if (!settings.ca_file) return upstream;
  auto pem = config::read_ca_file(*settings.ca_file);
  if (!pem) return pem.error();
  upstream.ca_pem = std::move(*pem);
  return upstream;
}

// One listening socket and those that came by it.
class Door : public std::enable_shared_from_this<Door> {
 public:
  Door(tcp::acceptor acceptor, ListenerPtr listener, std::set<uid_t> users, std::function<void(int)> count)
      : acceptor_(std::move(acceptor)),
        rest_(acceptor_.get_executor()),
        listener_(std::move(listener)),
        users_(std::move(users)),
        count_(std::move(count)) {}

  void start() { asio::co_spawn(acceptor_.get_executor(), accept_loop(shared_from_this()), asio::detached); }

 private:
  static asio::awaitable<void> accept_loop(std::shared_ptr<Door> self) {
    while (true) {
      auto [error, socket] = co_await self->acceptor_.async_accept(k_tuple);
      if (!error) self->admit(std::move(socket));
      if (error)
        self->listener_->log.say(Event::accept_failed, "cannot accept connections: " + error.message());
      while (error || self->connections_ >= k_most_connections) {
        error = {};
        self->rest_.expires_after(k_accept_rest);
        co_await self->rest_.async_wait(k_tuple);
      }
    }
  }

  void admit(tcp::socket socket) {
    const auto user = user_at(socket.native_handle());
    const auto& settings = listener_->settings;
    if (!user || !users_.contains(*user)) {
      const auto why = user ? "not in gateway." + settings.name + ".users" : user.error().detail;
      return listener_->audit.note({settings.name, *settings.profile,
                                    user ? std::optional(*user) : std::nullopt, "connect", "", false, why,
                                    0});
    }
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    asio::co_spawn(acceptor_.get_executor(), attend(shared_from_this(), std::move(socket), *user),
                   asio::detached);
  }

  static asio::awaitable<void> attend(std::shared_ptr<Door> self, tcp::socket socket, uid_t user) {
    self->change(1);
    try {
      co_await serve(self->listener_, std::move(socket), user);
    } catch (const std::exception& exception) {
      self->listener_->log.say(Event::bug,
                               std::string("a request failed: ") + exception.what() + "; please report this");
    }
    self->change(-1);
  }

  void change(int by) {
    connections_ += static_cast<std::size_t>(by);
    count_(by);
  }

  tcp::acceptor acceptor_;
  asio::steady_timer rest_;
  ListenerPtr listener_;
  std::set<uid_t> users_;
  std::function<void(int)> count_;
  std::size_t connections_ = 0;
};

class Doors final : public Gateway {
 public:
  explicit Doors(asio::io_context& io) : io_(io), idle_(io) {}

  void add(tcp::acceptor acceptor, ListenerPtr listener, std::set<uid_t> users) {
    std::make_shared<Door>(std::move(acceptor), std::move(listener), std::move(users), [this](int by) {
      change(by);
    })->start();
  }

  void end_when_idle_for(std::chrono::seconds time) override {
    patience_ = time;
    change(0);
  }

 private:
  void change(int by) {
    connections_ += by;
    idle_.cancel();
    if (!patience_ || connections_ > 0) return;
    idle_.expires_after(*patience_);
    idle_.async_wait([this](const boost::system::error_code& error) {
      // One that was accepted in this moment is in the queue before that.
      if (!error) asio::post(io_, [this] { stop_if_idle(); });
    });
  }

  void stop_if_idle() {
    if (connections_ == 0) io_.stop();
  }

  asio::io_context& io_;
  asio::steady_timer idle_;
  std::optional<std::chrono::seconds> patience_;
  int connections_ = 0;
};

}  // namespace

Result<std::vector<Plan>> plan_listeners(const config::Config& config) {
  std::vector<Plan> plans;
  for (const auto& [name, settings] : config.gateways) {
    auto users = users_of(settings);
    if (!users) return users.error();
    auto upstream = upstream_of(settings, *config.find(*settings.profile));
    if (!upstream) return upstream.error();
    plans.push_back({settings, std::move(*users), std::move(*upstream)});
  }
  return plans;
}

Result<std::unique_ptr<Gateway>> Gateway::open(asio::io_context& io, std::vector<Plan> plans,
                                               const std::filesystem::path& app_socket, Acceptors acceptors,
                                               const Clock& clock, Log& log, Audit& audit) {
  auto doors = std::make_unique<Doors>(io);
  for (auto& [settings, users, upstream] : plans) {
    auto tokens = Tokens::open(io, *settings.profile, app_socket.string(), clock);
    if (!tokens) return tokens.error();
    log.say(Event::started, settings.name + ": " + settings.listen + " with tokens of " + *settings.profile +
                                " for " + settings.upstream);
    const auto listener =
        std::make_shared<Listener>(Listener{settings, Rules(settings), std::move(*tokens),
                                            Upstream::make(io, std::move(upstream)), clock, log, audit});
    doors->add(std::move(acceptors.at(settings.name)), listener, std::move(users));
  }
  return std::unique_ptr<Gateway>(std::move(doors));
}

}  // namespace fob::gateway
