// A vault file that somebody else wrote: without the key nothing but our own files is ever accepted. And a
// key file, which is anything but a crash.
#include "daemon/store/vault_file.hpp"

#include "daemon/store/vault_key.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  static const SecretBytes key = SecretBytes::copy_of("another key than any corpus has.");
  if (store::open_record(text, "prod", key)) std::abort();
  const auto decoded = store::decode_vault_key(text);
  if (!decoded.empty() && decoded.size() != store::k_vault_key_bytes) std::abort();
  return 0;
}
