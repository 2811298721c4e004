// What an operator may ask GET /v1/explain: a process by number or by description, never both and never
// neither.
#include "daemon/broker/explanation.hpp"
#include "ipc/wire/names.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob;
  const auto target = wire::decode_target({reinterpret_cast<const char*>(bytes), size});
  if (!target) return 0;
  const auto query = broker::decode_explain_query(*target);
  if (!query) return 0;
  if (query->pid.has_value() != query->description.empty() || (query->pid && *query->pid <= 0)) std::abort();
  if (query->profile && !wire::is_profile_name(*query->profile)) std::abort();
  for (const auto& [selector, value] : query->description)
    if (value.empty()) std::abort();
  return 0;
}
