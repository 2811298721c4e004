// Times as authorities write them: what is taken for a time lies within the years that have one, and a JWT's
// times never break anything.
#include "daemon/exchanger/expiry.hpp"

#include "daemon/exchanger/jwt.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob::exchanger;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  constexpr auto k_end = std::chrono::sys_days{std::chrono::year{10000} / 1 / 3};
  if (const auto time = parse_expiry_text(text); time && *time > k_end) std::abort();
  if (const auto date = parse_http_date(text); date && parse_expiry_text(text) != fob::WallTime(*date))
    std::abort();
  const auto json = fob::wire::Json::parse(text, nullptr, false);
  if (!json.is_discarded()) {
    if (const auto time = parse_expiry(json); time && *time > k_end) std::abort();
    static_cast<void>(parse_seconds(json));
  }
  static_cast<void>(jwt_times(text));
  return 0;
}
