#include "daemon/broker/kept_profiles.hpp"

#include "ipc/base/fingerprint.hpp"
#include "ipc/base/sealed_file.hpp"
#include "ipc/wire/limits.hpp"

#include <charconv>
#include <utility>

namespace fob::broker {
namespace {

// The longest anybody waits: an hour's Retry-After or probe, and the jitter on top.
constexpr std::chrono::hours k_longest_wait = wire::k_max_retry_after + std::chrono::hours(1);

std::string name_of(std::uint64_t number) { return std::string(k_kept_prefix) + std::to_string(number); }

std::optional<std::uint64_t> number_of(std::string_view name) {
  if (!name.starts_with(k_kept_prefix)) return std::nullopt;
  name.remove_prefix(k_kept_prefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

core::TokenPtr to_token(const wire::KeptToken& kept) {
  auto token = std::make_shared<core::Token>();
  token->access_token = kept.access_token;
  token->fingerprint = fingerprint(kept.access_token);
  token->scopes = kept.scopes;
  token->credential_version = kept.credential_version;
  token->credential_stored_at = kept.credential_stored_at;
  token->started = kept.started;
  token->deadline = kept.deadline;
  return token;
}

wire::KeptToken to_kept(const core::Token& token, BootTime due) {
  return {token.access_token,
          token.scopes,
          token.credential_version,
          token.started,
          token.deadline,
          std::min(due, token.deadline),
          token.credential_stored_at};
}

}  // namespace

KeptProfiles::KeptProfiles(const ServiceManager& manager, const Clock& clock, std::string boot_id, Log& log)
    : manager_(manager), clock_(clock), boot_id_(std::move(boot_id)), log_(log) {}

void KeptProfiles::take_back(std::vector<HandedDescriptor> handed) {
  for (const auto& one : handed) take_back(one);
}

// Two of one profile are what a crash between keeping the new and forgetting the old leaves: the later
// counts.
void KeptProfiles::take_back(const HandedDescriptor& handed) {
  const auto number = number_of(handed.name);
  if (!number) return drop(handed.name, "fob gave nothing such a name");
  next_number_ = std::max(next_number_, *number + 1);
  const auto text = read_sealed_file(handed.fd.get(), wire::k_max_kept_profile);
  if (!text) return drop(handed.name, text.error().detail);
  auto kept = wire::decode_kept_profile(*text);
  if (!kept) return drop(handed.name, kept.error().detail);
  const std::string profile = kept->profile;
  const auto rival = returned_.find(profile);
  if (rival != returned_.end()) {
    const std::uint64_t older = std::min(rival->second.number, *number);
    drop(name_of(older), "there is a later one of " + profile);
    if (older == *number) return;
  }
  returned_[profile] = {*number, std::move(*kept)};
}

core::Resumption KeptProfiles::recall(const std::string& profile, const std::string& purpose) {
  const auto found = returned_.find(profile);
  if (found == returned_.end()) return {};
  const Returned returned = std::move(found->second);
  returned_.erase(found);
  const std::string name = name_of(returned.number);
  auto resumption = judge(returned.kept, purpose);
  if (!resumption) {
    drop(name, "it is over, or of another boot or another configuration");
    return {};
  }
  kept_[profile] = {name, resumption->token != nullptr};
  if (resumption->token)
    log_.say(Event::token_taken_over,
             "goes on with token " + resumption->token->fingerprint + " of the fobd before",
             {.profile = profile,
              .fingerprint = resumption->token->fingerprint,
              .credential_version = resumption->token->credential_version});
  return std::move(*resumption);
}

std::optional<core::Resumption> KeptProfiles::judge(const wire::KeptProfile& kept,
                                                    const std::string& purpose) const {
  if (kept.boot_id != boot_id_ || kept.purpose != purpose) return std::nullopt;
  const BootTime now = clock_.boot_now();
  core::Resumption resumption;
  if (kept.token && kept.token->started <= now && kept.token->deadline > now) {
    resumption.token = to_token(*kept.token);
    resumption.due = kept.token->due;
  }
  if (kept.wait && kept.wait->until <= now + k_longest_wait) {
    resumption.retry_at = kept.wait->until;
    resumption.failure = core::Failure{kept.wait->code, kept.wait->detail, std::nullopt};
    if (kept.wait->authority_asked) resumption.failure->retry_after.emplace(0);
  }
  if (!resumption.token && !resumption.retry_at) return std::nullopt;
  return resumption;
}

void KeptProfiles::forget_the_rest() {
  for (const auto& [profile, returned] : returned_)
    drop(name_of(returned.number), profile + " is no longer configured");
  returned_.clear();
}

void KeptProfiles::keep(const std::string& profile, const std::string& purpose,
                        const core::Resumption& state) {
  if (!manager_.present()) return;
  const auto before = kept_.find(profile);
  const std::string old = before == kept_.end() ? "" : before->second.name;
  kept_.erase(profile);
  if (state.token || state.retry_at) {
    wire::KeptProfile kept{profile, boot_id_, purpose, std::nullopt, std::nullopt};
    if (state.token) kept.token = to_kept(*state.token, state.due);
    if (state.retry_at && state.failure)
      kept.wait = wire::KeptWait{*state.retry_at, state.failure->code, state.failure->detail,
                                 state.failure->retry_after.has_value()};
    const auto file = make_sealed_file("fob-profile", wire::encode(kept));
    const std::string name = name_of(next_number_++);
    const auto told = file ? manager_.keep(file->get(), name) : Result<void>(file.error());
    if (told) {
      kept_[profile] = {name, state.token != nullptr};
    } else {
      log_.say(Event::not_kept, "a restart of fobd would cost an exchange: " + told.error().detail,
               {.profile = profile});
    }
  }
  // Only now: a crash in between leaves two, of which the later counts.
  if (!old.empty()) forget(old);
}

void KeptProfiles::forget_waits() {
  for (const auto& [profile, kept] : kept_)
    if (!kept.has_token) forget(kept.name);
}

void KeptProfiles::drop(const std::string& name, const std::string& why) {
  log_.say(Event::leftover_dropped, "what the fobd before left as " + name + " is dropped: " + why);
  forget(name);
}

void KeptProfiles::forget(const std::string& name) {
  if (const auto told = manager_.forget(name); !told)
    log_.say(Event::unheard_by_systemd, told.error().detail);
}

}  // namespace fob::broker
