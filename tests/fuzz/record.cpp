// What a store gave back after it was decrypted: a keyring's item may have been written by any program of the
// user's. What is accepted comes back as it was; and the file that says where records are.
#include "daemon/store/placement.hpp"
#include "daemon/store/record_text.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto record = store::decode_record(text, "prod")) {
    const auto again = store::encode_record(*record, "prod");
    if (!again || !store::decode_record(again->reveal(), "prod")) std::abort();
  }
  if (const auto placement = store::decode_placement(text)) {
    const auto again = store::decode_placement(store::encode_placement(*placement));
    if (!again || *again != *placement) std::abort();
  }
  return 0;
}
