#include "daemon/broker/daemon.hpp"

#include "daemon/broker/app_interface.hpp"
#include "daemon/broker/audit_text.hpp"
#include "daemon/broker/operator_interface.hpp"
#include "ipc/base/confine.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace fob::broker {

namespace {

// Descriptors that are not connections: sockets, timers, exchangers, log.
constexpr unsigned long k_reserved_descriptors = 128;
// How long the requests and exchanges under way have when fobd ends: an exchange takes a few hundred
// milliseconds, and whoever restarts fobd is waiting.
constexpr std::chrono::seconds k_time_to_end{3};
constexpr std::chrono::milliseconds k_look_again{10};
// What stirs often does not make fobd give its memory back as often, only to take it again.
constexpr std::chrono::seconds k_between_sparing{5};
const wire::Problem k_ending{ErrorCode::timeout, "fobd is being restarted; ask again",
                             std::chrono::seconds(1)};
// Half of them for one user: enough for a thousand connections, and a bound on what a hostile one can hold.
constexpr unsigned long k_most_connections = 2400;

ServerLimits limits_for(unsigned long descriptors) {
  const unsigned long spare = descriptors > 2 * k_reserved_descriptors ? descriptors - k_reserved_descriptors
                                                                       : k_reserved_descriptors;
  // Each holds its socket and the process that connected.
  const unsigned long connections = std::min(spare / 2, k_most_connections);
  return {.connections = connections, .connections_per_uid = connections / 2};
}

}  // namespace

Daemon::Daemon(const config::Locations& at, config::Config config, const ServiceManager& manager,
               KeptProfiles& kept, const Starter& start, const SystemClock& clock, Log& log)
    : log_(log),
      clock_(clock),
      kept_(kept),
      manager_(manager),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      end_(io_),
      repeats_(io_),
      spare_(io_, k_between_sparing,
             [this] {
               for (auto* server : servers_) server->forget_old();
             }),
      broker_(std::move(config), at.config_file, ::geteuid(), surroundings(at, start)),
      supervision_(io_, manager_, broker_, log) {
  watch_.emplace(io_.get_executor(), clock_, broker_, log);
  log_.when_repeated([this](BootTime due) { tell_repeats_at(due); });
}

// The watch calls the broker, which would be gone first: it is made after it.
Daemon::~Daemon() {
  log_.when_repeated(nullptr);
  watch_.reset();
}

void Daemon::serve(const config::Locations& at, Listeners listeners, std::optional<gid_t> admins) {
  const auto limits = limits_for(raise_descriptor_limit());
  HttpServer apps(io_, std::move(listeners.apps), limits, app_interface(broker_, clock_), log_);
  HttpServer operators(
      io_, std::move(listeners.operators), limits,
      operator_interface(broker_, clock_, {::geteuid(), admins}, [this] { return sockets(); }), log_);
  servers_ = {&apps, &operators};
  watch_signals();
  log_.say(Event::started, "fobd " FOB_VERSION " serves " + std::to_string(broker_.config().profiles.size()) +
                               " profiles on " + at.app_socket().string());
  supervision_.begin();
  io_.run();
  log_.tell_the_rest();
}

Surroundings Daemon::surroundings(const config::Locations& at, const Starter& start) {
  const auto executor = io_.get_executor();
  Helpers helpers = helpers_by(executor, at, start);
  Surroundings around{executor, clock_, random_, log_, std::move(helpers.exchange)};
  around.promote = std::move(helpers.promote);
  around.facts = std::move(helpers.facts);
  around.audit = [this](const core::AuditRecord& record) {
    log_.record(record.granted ? Event::granted : Event::refused, audit_line(record), journal_fields(record));
  };
  around.stirred = [this] {
    if (!watch_) return;  // both are made after the broker, which stirs while it is being made
    watch_->adjust();
    supervision_.stirred();
    spare_.give_back_soon();
  };
  around.look = [this] { watch_->look_at_clock(); };
  around.recall = [this](const auto& profile, const auto& purpose) { return kept_.recall(profile, purpose); };
  around.keep = [this](const auto& profile, const auto& purpose, const auto& state) {
    kept_.keep(profile, purpose, state);
  };
  return around;
}

// Without repeats nothing wakes up for this.
void Daemon::tell_repeats_at(BootTime due) {
  repeats_.expires_after(std::max(due - clock_.boot_now(), std::chrono::nanoseconds(0)));
  repeats_.async_wait([this](const boost::system::error_code& error) {
    if (!error) log_.tell_repeats();
  });
}

void Daemon::watch_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      reload();
    } else if (ending_since_) {
      return io_.stop();
    } else {
      begin_to_end();
    }
    watch_signals();
  });
}

void Daemon::reload() {
  supervision_.reloading(clock_.awake_time());
  (void)broker_.reload();  // it has logged its outcome, and a signal has nobody to answer to
  supervision_.reloaded();
}

std::vector<SocketSample> Daemon::sockets() const {
  return {{"apps", servers_.front()->traffic()}, {"operators", servers_.back()->traffic()}};
}

// What was asked is answered, and who connects from now on waits for the next fobd.
void Daemon::begin_to_end() {
  ending_since_ = clock_.boot_now();
  supervision_.end();
  for (auto* server : servers_) server->drain();
  end_when_done();
}

void Daemon::end_when_done() {
  const bool late = clock_.boot_now() - *ending_since_ > k_time_to_end;
  if (late) broker_.retire(k_ending);
  std::size_t open = 0;
  for (const auto* server : servers_) open += server->connections();
  const bool exchanging = manager_.present() && broker_.exchanging();
  if (!late && (open > 0 || exchanging)) {
    end_.expires_after(k_look_again);
    end_.async_wait([this](const boost::system::error_code& error) {
      if (!error) end_when_done();
    });
    return;
  }
  kept_.forget_waits();
  // A moment for the answers to those that were retired.
  end_.expires_after(k_look_again);
  end_.async_wait([this](const boost::system::error_code&) { io_.stop(); });
}

}  // namespace fob::broker
