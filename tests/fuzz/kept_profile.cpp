// What a fobd leaves for the next one: it comes back from the service manager, and is not believed.
#include "ipc/wire/kept_profile.hpp"

#include "ipc/wire/names.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::wire;
  const auto kept = decode_kept_profile({reinterpret_cast<const char*>(bytes), size});
  if (!kept) return 0;
  if (!is_profile_name(kept->profile) || (!kept->token && !kept->wait)) std::abort();
  if (kept->token &&
      (!is_bearer_token(kept->token->access_token) || kept->token->deadline <= kept->token->started ||
       kept->token->due > kept->token->deadline))
    std::abort();
  if (kept->token && kept->token->credential_stored_at &&
      !is_stored_at(kept->token->credential_stored_at->time_since_epoch().count()))
    std::abort();
  // What was understood must survive being said again.
  if (!decode_kept_profile(encode(*kept))) std::abort();
  return 0;
}
