// The configuration's parser: whatever a file holds, it ends in a Config or in an error with a place.
#include "daemon/config/config.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto config = fob::config::parse(text, "fob.toml", "/etc/fob");
  if (!config && !config.error().detail.starts_with("fob.toml:")) std::abort();
  // What is shown must be readable again, and say the same.
  if (config) {
    const std::string shown = fob::config::show(*config);
    const auto again = fob::config::parse(shown, "fob.toml", "/etc/fob");
    if (!again || fob::config::show(*again) != shown) std::abort();
  }
  return 0;
}
