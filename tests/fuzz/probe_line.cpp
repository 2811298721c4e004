// What fob-exchange found on its way without a credential: what is accepted says the same when written again.
#include "ipc/wire/probe_line.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::wire;
  const auto probe = decode_probe({reinterpret_cast<const char*>(bytes), size});
  if (!probe) return 0;
  const auto again = decode_probe(encode(*probe));
  if (!again || *again != *probe) std::abort();
  return 0;
}
