// Both lines between fobd and its witness: what is accepted says the same when written again, and a path or a
// hash in it is one.
#include "ipc/wire/witness_line.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::wire;
  const std::string_view line(reinterpret_cast<const char*>(bytes), size);
  if (const auto question = decode_witness_question(line)) {
    const auto again = decode_witness_question(encode(*question));
    if (!again || *again != *question) std::abort();
  }
  if (const auto answer = decode_witness_answer(line)) {
    if (answer->exe && answer->exe->value && !is_plain_path(*answer->exe->value)) std::abort();
    if (answer->exe_sha256 && answer->exe_sha256->value && !is_sha256_hex(*answer->exe_sha256->value))
      std::abort();
    const auto again = decode_witness_answer(encode(*answer));
    if (!again || *again != *answer) std::abort();
  }
  return 0;
}
