// The exchanger's line, as the broker reads it: the exchanger talks to the network, so the broker does not
// trust it.
#include "ipc/wire/exchange_line.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::wire;
  const auto answer = decode_exchange_answer({reinterpret_cast<const char*>(bytes), size});
  if (!answer) return 0;
  if (const auto* success = std::get_if<ExchangeSuccess>(&*answer)) {
    if (!is_bearer_token(success->access_token) || success->expires_in.count() <= 0) std::abort();
    const auto& stored = success->credential_stored_at;
    if (stored && !is_stored_at(stored->time_since_epoch().count())) std::abort();
  }
  // What was understood must survive being said again.
  if (!decode_exchange_answer(encode(*answer))) std::abort();
  return 0;
}
