// The answers of app_messages.hpp. Apart from the requests, for libfob: these need neither a URL nor a hash.
#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"
#include "ipc/wire/problem_json.hpp"

namespace fob::wire {

std::string encode(const TokenAnswer& answer) {
  return dump({{"access_token", answer.access_token},
               {"token_type", "Bearer"},
               {"expires_in", answer.expires_in.count()},
               {"expires_at", to_rfc3339(answer.expires_at)},
               {"profile", answer.profile},
               {"scopes", answer.scopes},
               {"fingerprint", answer.fingerprint}});
}

Result<TokenAnswer> decode_token_answer(std::string_view body) {
  auto object = parse_object(body, k_max_answer, ErrorCode::internal);
  if (!object) return object.error();
  TokenAnswer answer;
  answer.access_token = string_member(*object, "access_token").value_or("");
  if (!is_bearer_token(answer.access_token))
    return fail(ErrorCode::internal, "fobd's answer holds no access_token");
  answer.expires_in = std::chrono::seconds(integer_member(*object, "expires_in").value_or(0));
  answer.profile = string_member(*object, "profile").value_or("");
  answer.fingerprint = string_member(*object, "fingerprint").value_or("");
  if (const auto scopes = object->find("scopes"); scopes != object->end() && scopes->is_array())
    for (const auto& scope : *scopes)
      if (scope.is_string()) answer.scopes.push_back(scope.get<std::string>());
  return answer;
}

Json to_json(const Problem& problem) {
  const auto& row = traits(problem.code);
  return {{"type", row.urn}, {"title", row.title}, {"status", row.http_status}, {"detail", problem.detail}};
}

std::string encode(const Problem& problem) { return dump(to_json(problem)); }

Problem decode_problem(int status, std::string_view body) {
  const auto object = parse_object(body, k_max_answer, ErrorCode::internal);
  const auto code = object ? code_of_urn(string_member(*object, "type").value_or("")) : std::nullopt;
  if (!code)
    return {ErrorCode::internal, "fobd answered " + std::to_string(status) + " without saying why", {}};
  return {*code, printable(string_member(*object, "detail").value_or(""), k_max_detail), {}};
}

}  // namespace fob::wire
