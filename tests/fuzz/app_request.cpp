// What an app may send: a request target in the first line, a body after it.
#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/control_messages.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::wire;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto end = text.find('\n');
  if (const auto target = decode_target(text.substr(0, end))) {
    const auto query = decode_token_query(*target);
    if (query && query->profile && !is_profile_name(*query->profile)) std::abort();
    if (query && (query->wait.count() < 0 || query->wait > k_max_wait)) std::abort();
    (void)decode_profile_query(*target);
  }
  if (end == std::string_view::npos) return 0;
  const auto report = decode_rejected_report(text.substr(end + 1));
  if (report && report->fingerprint.size() != 8) std::abort();
  const auto profile = decode_profile_body(text.substr(end + 1));
  if (profile && !is_profile_name(*profile)) std::abort();
  (void)decode_token_answer(text.substr(end + 1));
  (void)decode_problem(503, text.substr(end + 1));
  return 0;
}
