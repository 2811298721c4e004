#include "ipc/wire/control_messages.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

namespace fob::wire {

std::string encode_profile_body(std::string_view profile) { return dump({{"profile", profile}}); }

Result<std::string> decode_profile_body(std::string_view body) {
  auto object = parse_object(body, k_max_body, ErrorCode::bad_request);
  if (!object) return object.error();
  auto profile = string_member(*object, "profile").value_or("");
  if (object->size() != 1 || !is_profile_name(profile))
    return fail(ErrorCode::bad_request, R"(the body must be {"profile":"NAME"})");
  return profile;
}

}  // namespace fob::wire
