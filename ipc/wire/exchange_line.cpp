#include "ipc/wire/exchange_line.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/scopes.hpp"

namespace fob::wire {
namespace {

constexpr std::int64_t k_exchange_version = 1;

std::optional<std::chrono::milliseconds> milliseconds_member(const Json& object, const char* name) {
  const auto value = integer_member(object, name);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

// It is for showing alone: nonsense there is no reason to refuse the token.
std::optional<std::chrono::sys_seconds> stored_at_member(const Json& object) {
  const auto value = integer_member(object, "credential_stored_at");
  if (!value || !is_stored_at(*value)) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(*value));
}

Result<ExchangeAnswer> decode_success(const Json& object) {
  ExchangeSuccess success;
  success.access_token = string_member(object, "access_token").value_or("");
  if (!is_bearer_token(success.access_token))
    return fail(ErrorCode::bad_answer, "access_token is not a bearer token");
  if (string_member(object, "token_type") != "Bearer")
    return fail(ErrorCode::bad_answer, "token_type is not Bearer");

  const auto started = integer_member(object, "started_boottime_ns");
  const auto expires_in = milliseconds_member(object, "expires_in_ms");
  const auto version = integer_member(object, "credential_version");
  if (!started || *started < 0) return fail(ErrorCode::bad_answer, "started_boottime_ns is missing or wrong");
  if (!expires_in || expires_in->count() <= 0 || *expires_in > k_max_lifetime)
    return fail(ErrorCode::bad_answer, "expires_in_ms is missing or wrong");
  if (!version || *version < 0) return fail(ErrorCode::bad_answer, "credential_version is missing or wrong");
  success.started_boottime = std::chrono::nanoseconds(*started);
  success.expires_in = *expires_in;
  success.credential_version = static_cast<std::uint64_t>(*version);
  success.clock_skew = milliseconds_member(object, "clock_skew_ms");
  success.credential_stored_at = stored_at_member(object);

  auto scopes = scopes_member(object);
  if (!scopes) return scopes.error();
  success.scopes = std::move(*scopes);
  return ExchangeAnswer(std::move(success));
}

Result<ExchangeAnswer> decode_failure(const Json& object) {
  const auto code = code_of_kind(string_member(object, "kind").value_or(""));
  if (!code) return fail(ErrorCode::bad_answer, "kind is none of the known ones");
  ExchangeFailure failure;
  failure.code = *code;
  const auto status = integer_member(object, "status").value_or(0);
  failure.status = status >= 100 && status <= 599 ? static_cast<int>(status) : 0;
  failure.detail = printable(string_member(object, "detail").value_or(""), k_max_detail);
  failure.retry_after = milliseconds_member(object, "retry_after_ms");
  if (failure.retry_after && (failure.retry_after->count() < 0 || *failure.retry_after > k_max_retry_after))
    failure.retry_after = k_max_retry_after;
  return ExchangeAnswer(std::move(failure));
}

Json to_json(const ExchangeSuccess& success) {
  Json json = {{"v", k_exchange_version},
               {"ok", true},
               {"access_token", success.access_token},
               {"token_type", "Bearer"},
               {"started_boottime_ns", success.started_boottime.count()},
               {"expires_in_ms", success.expires_in.count()},
               {"scopes", success.scopes},
               {"credential_version", success.credential_version}};
  if (success.clock_skew) json["clock_skew_ms"] = success.clock_skew->count();
  if (success.credential_stored_at)
    json["credential_stored_at"] = success.credential_stored_at->time_since_epoch().count();
  return json;
}

Json to_json(const ExchangeFailure& failure) {
  Json json = {{"v", k_exchange_version},
               {"ok", false},
               {"kind", traits(failure.code).kind},
               {"status", failure.status},
               {"detail", printable(failure.detail, k_max_detail)}};
  if (failure.retry_after) json["retry_after_ms"] = failure.retry_after->count();
  return json;
}

}  // namespace

std::string encode(const ExchangeRequest& request) {
  return dump({{"v", k_exchange_version}, {"profile", request.profile}, {"slot", to_string(request.slot)}});
}

Result<ExchangeRequest> decode_exchange_request(std::string_view line) {
  auto object = parse_object(line, k_max_exchange_request, ErrorCode::bad_request);
  if (!object) return object.error();
  if (integer_member(*object, "v") != k_exchange_version) return fail(ErrorCode::bad_request, "v is not 1");
  if (const auto unknown = unknown_member(*object, {"v", "profile", "slot"}))
    return fail(ErrorCode::bad_request, "unknown member " + *unknown);
  auto profile = string_member(*object, "profile").value_or("");
  if (!is_profile_name(profile)) return fail(ErrorCode::bad_request, "profile is not a profile name");
  const auto slot = slot_from(string_member(*object, "slot").value_or(""));
  if (!slot) return fail(ErrorCode::bad_request, "slot is not current, next or previous");
  return ExchangeRequest{std::move(profile), *slot};
}

std::string encode(const ExchangeAnswer& answer) {
  return std::visit([](const auto& a) { return dump(to_json(a)); }, answer);
}

Result<ExchangeAnswer> decode_exchange_answer(std::string_view line) {
  auto object = parse_object(line, k_max_exchange_answer, ErrorCode::bad_answer);
  if (!object) return object.error();
  if (integer_member(*object, "v") != k_exchange_version) return fail(ErrorCode::bad_answer, "v is not 1");
  const auto ok = object->find("ok");
  if (ok == object->end() || !ok->is_boolean()) return fail(ErrorCode::bad_answer, "ok is not true or false");
  return ok->get<bool>() ? decode_success(*object) : decode_failure(*object);
}

}  // namespace fob::wire
