// What a reader of events takes: bounded, and the same however the bytes are cut.
#include "ipc/wire/event_stream.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

std::string read_in_steps(std::string_view bytes, std::size_t step) {
  fob::wire::EventReader reader;
  std::string seen;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (!reader.take(bytes.substr(at, step))) std::abort();  // no input is as long as an event may be
    while (const auto event = reader.next()) seen += event->name + "\x1f" + event->data + "\x1e";
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (read_in_steps(text, 1) != read_in_steps(text, size + 1)) std::abort();
  return 0;
}
