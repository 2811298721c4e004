#include "daemon/broker/broker.hpp"

#include "daemon/broker/accounts.hpp"
#include "daemon/core/cgroup_unit.hpp"
#include "ipc/base/pidfd.hpp"
#include "ipc/wire/json.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace fob::broker {
namespace {

const wire::Problem k_removed{
    ErrorCode::unknown_profile, "this profile has just been taken out of the configuration", {}};
const wire::Problem k_replaced{ErrorCode::timeout, "this profile has just been configured anew; ask again",
                               std::chrono::seconds(1)};

void tell_void(Log& log, const std::string& where, const std::string& why) {
  log.say(Event::void_grant, where + ": " + why + "; the grant matches nobody");
}

// A name that nobody bears matches nobody: that grant waits for a reload after the name is there.
std::optional<core::Account> known_account(const std::optional<std::string>& written, const char* kind,
                                           core::Account (*look_up)(const std::string&), Log& log,
                                           const std::string& where) {
  if (!written) return std::nullopt;
  core::Account account = look_up(*written);
  if (!account.id) tell_void(log, where, "there is no " + std::string(kind) + " \"" + *written + "\" here");
  return account;
}

void warn_of_label(const std::optional<std::string>& wanted, core::LabelSource source, const char* module,
                   const Surroundings& around, const std::string& where) {
  if (wanted && around.facts.labels != source)
    tell_void(around.log, where, std::string(module) + " is not in force on this device");
}

core::Rule to_rule(const config::Grant& grant, const std::optional<std::string>& own_manager,
                   const Surroundings& around) {
  core::Rule rule;
  rule.where = grant.where;
  rule.profiles = grant.profiles;
  rule.user = known_account(grant.user, "user", user_account, around.log, grant.where);
  rule.group = known_account(grant.group, "group", group_account, around.log, grant.where);
  rule.exe = grant.exe;
  rule.exe_sha256 = grant.exe_sha256;
  if (grant.unit) {
    const auto unit = core::unit_of_grant(*grant.unit, own_manager);
    if (!unit) tell_void(around.log, grant.where, unit.error().detail);
    rule.unit = unit ? *unit : *grant.unit;
  }
  rule.apparmor = grant.apparmor;
  rule.selinux = grant.selinux;
  warn_of_label(grant.apparmor, core::LabelSource::apparmor, "AppArmor", around, grant.where);
  warn_of_label(grant.selinux, core::LabelSource::selinux, "SELinux", around, grant.where);
  return rule;
}

core::Policy to_policy(const config::Config& config, uid_t own_uid,
                       const std::optional<std::string>& own_manager, const Surroundings& around) {
  std::vector<core::Rule> rules;
  for (const auto& grant : config.grants) rules.push_back(to_rule(grant, own_manager, around));
  return core::Policy(own_uid, std::move(rules));
}

std::optional<std::string> own_user_manager() {
  const UniqueFd self = open_pidfd(::getpid());
  const auto unit = unit_of(self.get());
  return unit.value() ? core::user_manager_of(*unit.value()) : std::nullopt;
}

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
      own_manager_(own_user_manager()),
      around_(std::move(surroundings)),
      policy_(to_policy(config_, own_uid, own_manager_, around_)),
      audit_(std::make_shared<Audit>(around_.executor, around_.clock, around_.audit)) {
  for (const auto& [name, profile] : config_.profiles) start_keeper(profile);
}

Broker::~Broker() {
  retire(k_removed);
  audit_->end();
}

void Broker::retire(const wire::Problem& why) {
  for (const auto& [name, keeper] : keepers_) keeper->retire(why);
}

bool Broker::exchanging() const {
  return std::any_of(keepers_.begin(), keepers_.end(),
                     [](const auto& entry) { return entry.second->exchanging(); });
}

Judgement Broker::keeper_for(const core::PeerFacts& peer, const std::optional<std::string>& profile) const {
  if (profile) return judged(peer, *profile);
  const auto& standard = config_.daemon.default_profile;
  if (standard && policy_.may_have(peer, *standard)) return judged(peer, *standard);
  const auto granted = keepers_for(peer);
  if (granted.size() == 1) return judged(peer, granted.front()->profile());
  if (granted.empty()) return refused(peer, "", policy_.decide(peer, standard.value_or("")));
  return {fail(ErrorCode::bad_request, "say which profile: profile=NAME; GET /v1/profiles lists them"), "",
          std::nullopt};
}

Judgement Broker::judged(const core::PeerFacts& peer, const std::string& profile) const {
  auto decision = policy_.decide(peer, profile);
  if (!decision.granted) return refused(peer, profile, std::move(decision));
  return {keeper(profile), profile, std::move(decision)};
}

std::vector<std::shared_ptr<TokenKeeper>> Broker::keepers_for(const core::PeerFacts& peer) const {
  std::vector<std::shared_ptr<TokenKeeper>> granted;
  for (const auto& [name, keeper] : keepers_)
    if (policy_.may_have(peer, name)) granted.push_back(keeper);
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
  return !status.token && !(status.idle && status.ever_had_token);
}

Result<void> Broker::reload() {
  auto loaded = config::load(config_file_);
  if (!loaded) {
    around_.log.say(Event::reload_failed,
                    "reload: " + loaded.error().detail + "; the configuration before stays in force",
                    {.failure = loaded.error().code});
    return loaded.error();
  }
  const config::Config before = std::exchange(config_, std::move(*loaded));
  policy_ = to_policy(config_, own_uid_, own_manager_, around_);
  ++generation_;
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
  around_.log.say(Event::reloaded, "reload: " + config_file_.string() + " with " +
                                       std::to_string(config_.profiles.size()) + " profiles is in force");
  return {};
}

void Broker::start_keeper(const config::Profile& profile) {
  auto keeper = std::make_shared<TokenKeeper>(profile.name, settings_of(profile), around_);
  keepers_[profile.name] = keeper;
  keeper->start();
}

// The words are the same whether the profile exists or not, and say nothing of the grants there are.
Judgement Broker::refused(const core::PeerFacts& peer, const std::string& profile,
                          core::Decision decision) const {
  return {fail(ErrorCode::not_granted,
               "process " + std::to_string(peer.pid) + " of user " + std::to_string(peer.uid.value_or(0)) +
                   " is not granted this profile; an operator sees why with: fob explain --pid " +
                   std::to_string(peer.pid) + ", and can grant it with a [[grant]] in fob.toml"),
          profile, std::move(decision)};
}

}  // namespace fob::broker
