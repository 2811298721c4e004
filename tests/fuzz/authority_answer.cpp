// An authority's answer: the first line is the status and which authority it is, then come the Date,
// Retry-After, Content-Type and Location headers, a line each, then the body. Whatever it holds, the broker
// can read what is made of it, and a token that is accepted is one.
#include "daemon/exchanger/answer.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

std::string take_line(std::string_view& rest) {
  const auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return std::string(line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace fob;
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  const std::string first = take_line(rest);
  exchanger::HttpAnswer answer;
  answer.status = std::atoi(first.c_str());
  answer.date = take_line(rest);
  answer.retry_after = take_line(rest);
  answer.content_type = take_line(rest);
  answer.redirect = take_line(rest);
  answer.body = rest.substr(0, exchanger::k_max_http_body);

  config::Profile profile;
  profile.name = "prod";
  profile.endpoint = "https://auth.example/token";
  profile.authority = first.ends_with("o") ? config::Authority::oauth2 : config::Authority::multiset;
  const auto result = exchanger::interpret(answer, profile, {BootTime{}, WallTime{}, 1});
  const auto decoded = wire::decode_exchange_answer(wire::encode(result));
  if (!decoded || decoded->index() != result.index()) std::abort();
  if (const auto* success = std::get_if<wire::ExchangeSuccess>(&result))
    if (answer.status < 200 || answer.status > 299 || success->expires_in.count() <= 0 ||
        success->expires_in > wire::k_max_lifetime)
      std::abort();
  return 0;
}
