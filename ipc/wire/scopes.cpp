#include "ipc/wire/scopes.hpp"

#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

namespace fob::wire {

Result<std::vector<std::string>> scopes_member(const Json& object) {
  std::vector<std::string> scopes;
  const auto found = object.find("scopes");
  if (found == object.end()) return scopes;
  if (!found->is_array() || found->size() > k_max_scopes)
    return fail(ErrorCode::bad_answer, "scopes is not a short list");
  for (const auto& scope : *found) {
    if (!scope.is_string() || !is_scope(scope.get_ref<const std::string&>()))
      return fail(ErrorCode::bad_answer, "a scope is not a scope");
    scopes.push_back(scope.get<std::string>());
  }
  return scopes;
}

}  // namespace fob::wire
