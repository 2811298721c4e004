#include "ipc/wire/kept_profile.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"
#include "ipc/wire/scopes.hpp"

namespace fob::wire {
namespace {

// Another version's state is dropped: it costs an exchange, and guessing could cost more.
constexpr std::int64_t k_kept_version = 1;
// A kernel's boot id is a UUID.
constexpr std::size_t k_max_boot_id = 64;
// An endpoint, scopes and the like.
constexpr std::size_t k_max_purpose = 64 * 1024;

Error not_ours(const std::string& why) { return fail(ErrorCode::bad_answer, why); }

std::int64_t nanoseconds_of(BootTime time) { return time.time_since_epoch().count(); }

std::optional<BootTime> boot_time_member(const Json& object, const char* name) {
  const auto value = integer_member(object, name);
  if (!value || *value < 0) return std::nullopt;
  return BootTime(std::chrono::nanoseconds(*value));
}

Json to_json(const KeptToken& token) {
  Json json = {{"access_token", token.access_token},
               {"scopes", token.scopes},
               {"credential_version", token.credential_version},
               {"started_boottime_ns", nanoseconds_of(token.started)},
               {"deadline_boottime_ns", nanoseconds_of(token.deadline)},
               {"due_boottime_ns", nanoseconds_of(token.due)}};
  if (token.credential_stored_at)
    json["credential_stored_at"] = token.credential_stored_at->time_since_epoch().count();
  return json;
}

Json to_json(const KeptWait& wait) {
  return {{"until_boottime_ns", nanoseconds_of(wait.until)},
          {"kind", traits(wait.code).kind},
          {"detail", printable(wait.detail, k_max_detail)},
          {"authority_asked", wait.authority_asked}};
}

Result<KeptToken> decode_token(const Json& object) {
  if (const auto unknown =
          unknown_member(object, {"access_token", "scopes", "credential_version", "started_boottime_ns",
                                  "deadline_boottime_ns", "due_boottime_ns", "credential_stored_at"}))
    return not_ours("unknown member " + *unknown);
  KeptToken token;
  token.access_token = string_member(object, "access_token").value_or("");
  if (!is_bearer_token(token.access_token)) return not_ours("access_token is not a bearer token");
  auto scopes = scopes_member(object);
  if (!scopes) return scopes.error();
  token.scopes = std::move(*scopes);
  const auto version = integer_member(object, "credential_version");
  const auto started = boot_time_member(object, "started_boottime_ns");
  const auto deadline = boot_time_member(object, "deadline_boottime_ns");
  const auto due = boot_time_member(object, "due_boottime_ns");
  if (!version || *version < 0) return not_ours("credential_version is missing or wrong");
  if (!started || !deadline || *deadline <= *started || *deadline - *started > k_max_lifetime)
    return not_ours("the token's life is missing or wrong");
  if (!due || *due > *deadline) return not_ours("due_boottime_ns is missing or wrong");
  token.credential_version = static_cast<std::uint64_t>(*version);
  token.started = *started;
  token.deadline = *deadline;
  token.due = *due;
  // A fobd that did not keep it may have been before: its token is as good.
  if (object.contains("credential_stored_at")) {
    const auto stored = integer_member(object, "credential_stored_at");
    if (!stored || !is_stored_at(*stored)) return not_ours("credential_stored_at is no such time");
    token.credential_stored_at = std::chrono::sys_seconds(std::chrono::seconds(*stored));
  }
  return token;
}

Result<KeptWait> decode_wait(const Json& object) {
  if (const auto unknown = unknown_member(object, {"until_boottime_ns", "kind", "detail", "authority_asked"}))
    return not_ours("unknown member " + *unknown);
  const auto until = boot_time_member(object, "until_boottime_ns");
  const auto code = code_of_kind(string_member(object, "kind").value_or(""));
  const auto asked = object.find("authority_asked");
  if (!until || !code || asked == object.end() || !asked->is_boolean())
    return not_ours("a wait is missing its end or its reason");
  return KeptWait{*until, *code, printable(string_member(object, "detail").value_or(""), k_max_detail),
                  asked->get<bool>()};
}

}  // namespace

std::string encode(const KeptProfile& kept) {
  Json json = {{"fob_kept_profile", k_kept_version},
               {"profile", kept.profile},
               {"boot_id", kept.boot_id},
               {"purpose", kept.purpose}};
  if (kept.token) json["token"] = to_json(*kept.token);
  if (kept.wait) json["wait"] = to_json(*kept.wait);
  return dump(json);
}

Result<KeptProfile> decode_kept_profile(std::string_view text) {
  const auto object = parse_object(text, k_max_kept_profile, ErrorCode::bad_answer);
  if (!object) return object.error();
  if (integer_member(*object, "fob_kept_profile") != k_kept_version)
    return not_ours("it is of another version of fob, or of another program");
  if (const auto unknown =
          unknown_member(*object, {"fob_kept_profile", "profile", "boot_id", "purpose", "token", "wait"}))
    return not_ours("unknown member " + *unknown);
  KeptProfile kept;
  kept.profile = string_member(*object, "profile").value_or("");
  kept.boot_id = string_member(*object, "boot_id").value_or("");
  kept.purpose = string_member(*object, "purpose").value_or("");
  if (!is_profile_name(kept.profile)) return not_ours("profile is not a profile name");
  if (kept.boot_id.size() > k_max_boot_id || kept.purpose.size() > k_max_purpose)
    return not_ours("boot_id or purpose is too long");
  if (const auto token = object->find("token"); token != object->end()) {
    if (!token->is_object()) return not_ours("token is not an object");
    auto decoded = decode_token(*token);
    if (!decoded) return decoded.error();
    kept.token = std::move(*decoded);
  }
  if (const auto wait = object->find("wait"); wait != object->end()) {
    if (!wait->is_object()) return not_ours("wait is not an object");
    auto decoded = decode_wait(*wait);
    if (!decoded) return decoded.error();
    kept.wait = std::move(*decoded);
  }
  if (!kept.token && !kept.wait) return not_ours("it holds neither a token nor a wait");
  return kept;
}

}  // namespace fob::wire
