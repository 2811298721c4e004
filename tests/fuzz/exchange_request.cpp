// The line that fob-exchange takes from the broker: what is accepted names a profile and a slot, and says the
// same when written again.
#include "ipc/wire/exchange_line.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::wire;
  const auto request = decode_exchange_request({reinterpret_cast<const char*>(bytes), size});
  if (!request) return 0;
  if (!is_profile_name(request->profile)) std::abort();
  const auto again = decode_exchange_request(encode(*request));
  if (!again || again->profile != request->profile || again->slot != request->slot) std::abort();
  return 0;
}
