#include "daemon/broker/broker.hpp"

#include "ipc/wire/json.hpp"

#include <algorithm>
#include <array>
#include <pwd.h>
#include <utility>

namespace fob::broker {
namespace {

const wire::Problem k_removed{
    ErrorCode::unknown_profile, "this profile has just been taken out of the configuration", {}};
const wire::Problem k_replaced{ErrorCode::timeout, "this profile has just been configured anew; ask again",
                               std::chrono::seconds(1)};

std::optional<uid_t> uid_of(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> space{};
  if (::getpwnam_r(user.c_str(), &entry, space.data(), space.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return entry.pw_uid;
}

// Only `user` can be judged so far; a rule that also asks for something else matches nobody rather than too
// many.
core::Rule to_rule(const config::Grant& grant, spdlog::logger& log) {
  core::Rule rule{grant.profiles, std::nullopt, false};
  if (grant.user) {
    rule.uid = uid_of(*grant.user);
    if (!rule.uid) log.warn("grant: there is no user \"{}\" here; the grant matches nobody", *grant.user);
  }
  if (grant.group || grant.exe || grant.exe_sha256 || grant.unit || grant.apparmor || grant.selinux) {
    rule.beyond_judgement = true;
    log.warn("grant: this version judges \"user\" only; a grant that names anything else matches nobody");
  }
  return rule;
}

core::Policy to_policy(const config::Config& config, uid_t own_uid, spdlog::logger& log) {
  std::vector<core::Rule> rules;
  for (const auto& grant : config.grants) rules.push_back(to_rule(grant, log));
  return core::Policy(own_uid, std::move(rules));
}

core::PeerFacts facts_of(const transport::Peer& peer) { return {peer.uid, peer.gid, peer.pid, peer.groups}; }

// Tokens of the one profile are tokens of the other where this is the same: issued by the same authority for
// the same purpose.
std::string purpose_of(const config::Profile& profile) {
  return wire::dump({{"authority", static_cast<int>(profile.authority)},
                     {"endpoint", profile.endpoint},
                     {"scopes", profile.scopes},
                     {"audience", profile.audience.value_or("")},
                     {"resource", profile.resource.value_or("")}});
}

// Whether an exchange that failed with the one may go well with the other.
bool same_way(const config::Profile& a, const config::Profile& b) {
  return a.ca_file == b.ca_file && a.pin_sha256 == b.pin_sha256 && a.proxy == b.proxy &&
         a.client_auth == b.client_auth;
}

KeeperSettings settings_of(const config::Profile& profile) {
  return {purpose_of(profile),
          {profile.refresh == config::RefreshMode::on_demand, profile.idle_after},
          profile.auto_fallback.value_or(false)};
}

}  // namespace

Broker::Broker(config::Config config, std::filesystem::path config_file, uid_t own_uid,
               Surroundings surroundings)
    : config_(std::move(config)),
      config_file_(std::move(config_file)),
      own_uid_(own_uid),
      around_(std::move(surroundings)),
      policy_(to_policy(config_, own_uid, around_.log)) {
  for (const auto& [name, profile] : config_.profiles) start_keeper(profile);
}

Broker::~Broker() { retire(k_removed); }

void Broker::retire(const wire::Problem& why) {
  for (const auto& [name, keeper] : keepers_) keeper->retire(why);
}

bool Broker::exchanging() const {
  return std::any_of(keepers_.begin(), keepers_.end(),
                     [](const auto& entry) { return entry.second->exchanging(); });
}

Result<std::shared_ptr<TokenKeeper>> Broker::keeper_for(const transport::Peer& peer,
                                                        const std::optional<std::string>& profile) const {
  if (profile) {
    if (!policy_.may_have(facts_of(peer), *profile)) return refusal(peer, *profile);
    return keeper(*profile);
  }
  const auto& standard = config_.daemon.default_profile;
  if (standard && policy_.may_have(facts_of(peer), *standard)) return keeper(*standard);
  auto granted = keepers_for(peer);
  if (granted.size() == 1) return granted.front();
  if (granted.empty()) return refusal(peer, "");
  return fail(ErrorCode::bad_request, "say which profile: profile=NAME; GET /v1/profiles lists them");
}

std::vector<std::shared_ptr<TokenKeeper>> Broker::keepers_for(const transport::Peer& peer) const {
  std::vector<std::shared_ptr<TokenKeeper>> granted;
  for (const auto& [name, keeper] : keepers_)
    if (policy_.may_have(facts_of(peer), name)) granted.push_back(keeper);
  return granted;
}

Result<std::shared_ptr<TokenKeeper>> Broker::keeper(const std::string& profile) const {
  const auto found = keepers_.find(profile);
  if (found != keepers_.end()) return found->second;
  return fail(ErrorCode::unknown_profile, "there is no profile \"" + profile + "\"; add [profile." + profile +
                                              "] to " + config_file_.string() + ", then: fob reload");
}

std::vector<std::shared_ptr<TokenKeeper>> Broker::keepers() const {
  std::vector<std::shared_ptr<TokenKeeper>> all;
  for (const auto& [name, keeper] : keepers_) all.push_back(keeper);
  return all;
}

std::shared_ptr<TokenKeeper> Broker::granted(const transport::Peer& peer, const std::string& profile) const {
  const auto found = keepers_.find(profile);
  const bool may = found != keepers_.end() && policy_.may_have(facts_of(peer), profile);
  return may ? found->second : nullptr;
}

void Broker::change(core::Change change) {
  for (const auto& [name, keeper] : keepers_) keeper->change(change);
}

bool Broker::minds_network() const {
  return std::any_of(keepers_.begin(), keepers_.end(),
                     [](const auto& entry) { return entry.second->minds_network(); });
}

std::optional<wire::Problem> Broker::trouble() const {
  if (std::any_of(config_.profiles.begin(), config_.profiles.end(),
                  [this](const auto& entry) { return lacks_token(entry.second); }))
    return wire::Problem{
        ErrorCode::no_credential, "a profile has no valid token; an operator sees why with: fob status", {}};
  if (std::any_of(keepers_.begin(), keepers_.end(),
                  [](const auto& entry) { return entry.second->status().alarm.has_value(); }))
    return wire::Problem{
        ErrorCode::rejected,
        "ALARM: the credential of a profile is refused, and its apps go without a token once the "
        "one at hand ends; an operator sees more with: fob status",
        {}};
  return std::nullopt;
}

bool Broker::lacks_token(const config::Profile& profile) const {
  if (profile.refresh != config::RefreshMode::always) return false;
  const auto found = keepers_.find(profile.name);
  if (found == keepers_.end()) return true;
  const auto status = found->second->status();
  // One that fell asleep because nobody asks is as it should be.
  return !status.token && !(status.asleep && status.ever_had_token);
}

Result<void> Broker::reload() {
  auto loaded = config::load(config_file_);
  if (!loaded) {
    around_.log.error("reload: {}; the configuration before stays in force", loaded.error().detail);
    return loaded.error();
  }
  const config::Config before = std::exchange(config_, std::move(*loaded));
  policy_ = to_policy(config_, own_uid_, around_.log);
  for (const auto& [name, profile] : before.profiles) {
    const auto* after = config_.find(name);
    if (after != nullptr && *after == profile) continue;
    if (after != nullptr && purpose_of(*after) == purpose_of(profile)) {
      keepers_.at(name)->reconfigure(settings_of(*after), !same_way(*after, profile));
      continue;
    }
    keepers_.at(name)->retire(after == nullptr ? k_removed : k_replaced);
    around_.keep(name, purpose_of(profile), {});
    keepers_.erase(name);
  }
  for (const auto& [name, profile] : config_.profiles)
    if (!keepers_.contains(name)) start_keeper(profile);
  // Who follows may no longer have what they follow.
  for (const auto& [name, keeper] : keepers_) keeper->wake_followers();
  around_.stirred();
  around_.log.info("reload: {} with {} profiles is in force", config_file_.string(), config_.profiles.size());
  return {};
}

void Broker::start_keeper(const config::Profile& profile) {
  auto keeper = std::make_shared<TokenKeeper>(profile.name, settings_of(profile), around_);
  keepers_[profile.name] = keeper;
  keeper->start();
}

Error Broker::refusal(const transport::Peer& peer, const std::string& profile) const {
  if (const auto folded = refusals_.admit(peer.uid, around_.clock.boot_now()))
    around_.log.info("refused: profile \"{}\" to process {} of user {} ({} more refused since the last line)",
                     profile, peer.pid, peer.uid, *folded);
  return fail(ErrorCode::not_granted,
              "process " + std::to_string(peer.pid) + " of user " + std::to_string(peer.uid) +
                  " is not granted this profile; an operator can grant it with a [[grant]] in " + "fob.toml");
}

}  // namespace fob::broker
