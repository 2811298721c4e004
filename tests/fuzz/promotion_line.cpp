// Both lines about a staged credential: what is accepted says the same when written again.
#include "ipc/wire/promotion_line.hpp"

#include "ipc/wire/names.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::wire;
  const std::string_view line(reinterpret_cast<const char*>(bytes), size);
  if (const auto request = decode_promotion_request(line)) {
    if (!is_profile_name(request->profile) || request->version == 0) std::abort();
    const auto again = decode_promotion_request(encode(*request));
    if (!again || *again != *request) std::abort();
  }
  if (const auto answer = decode_promotion_answer(line)) {
    const auto again = decode_promotion_answer(encode(*answer));
    if (!again || again->outcome != answer->outcome) std::abort();
  }
  return 0;
}
