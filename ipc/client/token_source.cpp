#include "ipc/client/token_source.hpp"

#include "ipc/base/unix_address.hpp"
#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

namespace fob::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Between two looks whether fobd is back.
constexpr milliseconds k_between_tries{20};
// How long a page may lag behind an answer.
constexpr milliseconds k_page_delay{200};
// What min_ttl is where nobody says (design.md §4).
constexpr nanoseconds k_usual_rest = seconds(10);

nanoseconds default_rest(nanoseconds lifetime) { return std::min(k_usual_rest, lifetime * 15 / 100); }

// fobd rounds to the nearest second, and shows a token that dies within the next one as 1.
nanoseconds at_least(seconds shown) {
  return shown > seconds(1) ? nanoseconds(shown) - milliseconds(500) : nanoseconds(milliseconds(1));
}

// The name of a profile needs no escapes in a URL.
std::string token_target(const std::optional<std::string>& profile, std::optional<milliseconds> min_ttl) {
  std::string target = "/v1/token?";
  if (profile) target += "profile=" + *profile + "&";
  if (min_ttl) target += "min_ttl=" + in_seconds(*min_ttl) + "&";
  return target + "wait=";
}

HeldToken put(std::string_view token, std::string_view fingerprint, BootTime deadline, std::span<char> into) {
  HeldToken held;
  held.length = token.size();
  held.fits = token.size() <= into.size();
  held.deadline = deadline;
  if (held.fits) std::copy(token.begin(), token.end(), into.begin());
  std::copy_n(fingerprint.begin(), std::min(fingerprint.size(), held.fingerprint.size()),
              held.fingerprint.begin());
  return held;
}

// A restart looks like this from here, be it ever so short.
bool is_away(const Error& error) { return error.code == ErrorCode::daemon_not_running; }

}  // namespace

Result<std::unique_ptr<TokenSource>> TokenSource::open(std::optional<std::string> profile, std::string socket,
                                                       const Clock& clock) {
  if (profile && !wire::is_profile_name(*profile))
    return fail(ErrorCode::usage, "a profile's name is 1 to 64 letters, digits, '.', '_' or '-'");
  if (socket.empty() || socket.size() > k_max_socket_path)
    return fail(ErrorCode::usage, "a socket's path has 1 to 107 bytes");
  auto link = PageLink::make(socket, profile, clock);
  if (!link) return link.error();
  Client client(std::move(socket), clock,
                "any user may connect to fobd's app socket, so look at the permissions of its directory");
  return std::unique_ptr<TokenSource>(
      new TokenSource(std::move(profile), std::move(client), std::move(*link), clock));
}

TokenSource::TokenSource(std::optional<std::string> profile, Client client, std::unique_ptr<PageLink> link,
                         const Clock& clock)
    : profile_(std::move(profile)), client_(std::move(client)), link_(std::move(link)), clock_(clock) {}

Result<HeldToken> TokenSource::get(std::optional<milliseconds> min_ttl, milliseconds wait,
                                   std::span<char> token) {
  HeldToken found;
  if (from_page(min_ttl, token, false, found)) return found;
  link_->tend();
  // While fobd is away, what it left is still good.
  if (from_page(min_ttl, token, true, found)) return found;
  auto held = by_request(min_ttl, wait, token);
  link_->tend();
  return held;
}

bool TokenSource::from_page(std::optional<milliseconds> min_ttl, std::span<char> token, bool orphaned_too,
                            HeldToken& held) {
  wire::PageEntry entry;
  while (link_->read(entry)) {
    if (!orphaned_too && link_->is_orphaned()) return false;
    if (entry.state != wire::PageState::valid || !lives_long_enough(entry, min_ttl)) return false;
    held.length = entry.length;
    held.fits = entry.length <= token.size();
    held.fingerprint = entry.fingerprint;
    held.deadline = BootTime(entry.deadline);
    if (!held.fits || link_->read_token(entry, token)) return true;
  }
  return false;
}

// The time is read after the entry: who was stopped on the way here, or slept, finds the token as dead as it
// is. And before the token: a processor copies that while it waits for the clock.
bool TokenSource::lives_long_enough(const wire::PageEntry& entry, std::optional<milliseconds> min_ttl) {
  const nanoseconds now = clock_.boot_now().time_since_epoch();
  if (entry.published > now) {
    link_->distrust();
    return false;
  }
  const nanoseconds rest = min_ttl ? nanoseconds(*min_ttl) : default_rest(entry.lifetime);
  const nanoseconds left = entry.deadline - now;
  return left >= rest && left > nanoseconds(0);
}

Result<HeldToken> TokenSource::by_request(std::optional<milliseconds> min_ttl, milliseconds wait,
                                          std::span<char> token) {
  const std::string target = token_target(profile_, min_ttl);
  const BootTime end = clock_.boot_now() + wait;
  bool again = true;
  while (true) {
    const auto left = std::max(std::chrono::ceil<milliseconds>(end - clock_.boot_now()), milliseconds(0));
    const nanoseconds awake = clock_.awake_time();
    auto held = request_once(target, std::min(left, wait), token);
    if (held && held->deadline > clock_.boot_now()) return held;
    // A device that slept meanwhile is over every deadline, and has waited for none.
    const bool slept =
        !held && held.error().code == ErrorCode::timeout && clock_.awake_time() - awake < k_slack / 2;
    if (!held && !is_away(held.error()) && !slept) return held;
    // At least once more: a request that met a restart's last instant is served by the next fobd.
    if (left.count() == 0 && !std::exchange(again, false)) return held ? at_its_end(token) : held;
    if (!held && left.count() > 0) std::this_thread::sleep_for(std::min(k_between_tries, left));
  }
}

// fobd tells whole seconds, and of the last one less than that. The page knows better.
Result<HeldToken> TokenSource::at_its_end(std::span<char> token) {
  HeldToken held;
  if (from_page(milliseconds(0), token, true, held)) return held;
  return fail(ErrorCode::timeout, "the token at hand dies this moment, and there is no other yet; ask again");
}

Result<HeldToken> TokenSource::request_once(const std::string& target, milliseconds wait,
                                            std::span<char> token) {
  const BootTime asked = clock_.boot_now();
  auto answer = client_.demand({Verb::get, target + in_seconds(wait), ""}, wait + k_slack);
  if (!answer) return answer.error();
  const auto decoded = wire::decode_token_answer(answer->body);
  if (!decoded) return decoded.error();
  // Counted from the asking, since fobd may have answered right then, and the device slept.
  return put(decoded->access_token, decoded->fingerprint, asked + at_least(decoded->expires_in), token);
}

Result<void> TokenSource::report_rejected(std::string_view token) {
  if (!wire::is_bearer_token(token)) return fail(ErrorCode::usage, "this is not a token that fob gave");
  wire::Json report = {{"access_token", std::string(token)}};
  if (profile_) report["profile"] = *profile_;
  const auto answer = client_.demand({Verb::post, "/v1/token/rejected", wire::dump(report)},
                                     wire::k_exchange_deadline + k_slack);
  if (!answer) return answer.error();
  await_other(token);
  return {};
}

// The answer may be quicker than the page; and one that another fobd left says what it said.
void TokenSource::await_other(std::string_view token) {
  const BootTime end = clock_.boot_now() + k_page_delay;
  while (clock_.boot_now() < end) {
    std::array<char, wire::k_max_token> now;  // NOLINT: left as it is, most of it is not used
    HeldToken held;
    const bool same =
        from_page(milliseconds(0), now, true, held) && token == std::string_view(now.data(), held.length);
    if (!same) return;
    link_->tend();
    std::this_thread::sleep_for(milliseconds(1));
  }
  link_->distrust();
}

std::uint64_t TokenSource::change() {
  link_->tend();
  return link_->change();
}

std::optional<std::uint64_t> TokenSource::wait(std::uint64_t since, std::optional<milliseconds> timeout) {
  const BootTime end = timeout ? clock_.boot_now() + *timeout : BootTime::max();
  while (true) {
    const std::uint64_t seen = change();
    if (seen != since) return seen;
    const BootTime now = clock_.boot_now();
    if (now >= end) return std::nullopt;
    link_->await_change(since, end - now);
  }
}

std::uint64_t TokenSource::acknowledge() {
  link_->acknowledge();
  return link_->change();
}

}  // namespace fob::client
