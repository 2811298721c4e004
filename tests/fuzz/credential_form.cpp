// The downloaded credential file: whatever it holds, it is refused, or both values are fit to be sent.
#include "daemon/store/credential_form.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

bool is_fit(std::string_view value) {
  return !value.empty() && value.size() <= fob::store::k_max_credential_value &&
         std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto credential = fob::store::parse_credential({reinterpret_cast<const char*>(bytes), size});
  if (credential && !(is_fit(credential->client_id) && is_fit(credential->secret.reveal()))) std::abort();
  return 0;
}
