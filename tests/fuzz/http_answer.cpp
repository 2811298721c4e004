// What answers at fobd's socket: any bytes, in two pieces, end in an answer or an error, within the bound.
#include "ipc/client/http_answer.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::size_t k_most_body = 4096;
  const std::string_view all(reinterpret_cast<const char*>(bytes), size);
  const std::size_t cut = size == 0 ? 0 : bytes[size - 1] % size;
  fob::client::HttpAnswerReader reader(k_most_body);
  const auto half = reader.take(all.substr(0, cut));
  if (!half) return 0;
  const auto whole = reader.take(all.substr(cut));
  if (!whole || (!*whole && !reader.end())) return 0;
  if (reader.answer().body.size() > k_most_body) std::abort();
  return 0;
}
