// What an app or a page may send to fob-gateway, as far as that reads it itself: the head before the parser
// has it, the seven fields that decide, one a line, and a form.
#include "daemon/gateway/answers.hpp"
#include "daemon/gateway/raw_head.hpp"
#include "daemon/gateway/rules.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace fob::gateway;

fob::config::Gateway listener() {
  fob::config::Gateway gateway;
  gateway.listen = "127.0.0.1:8787";
  gateway.origins = {"https://app.example"};
  gateway.routes = {"GET /v1/*", "POST /v2/**"};
  return gateway;
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Whether some server may find a step up in it.
bool climbs(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto part = path.substr(0, path.find('/'));
    const auto name = part.substr(0, part.find(';'));
    if (name.empty() || name == "." || name == "..") return true;
    path.remove_prefix(part.size());
  }
  return false;
}

void check(const Head& head, const Verdict& verdict) {
  if (verdict.kind == Kind::refused) return;
  const auto path = head.target.substr(0, head.target.find('?'));
  if (head.host != "127.0.0.1:8787" && head.host != "localhost:8787") std::abort();
  if (!head.origin.empty() && head.origin != "https://app.example") std::abort();
  if (verdict.page != !head.origin.empty()) std::abort();
  if (head.origin.empty() && !head.browser.empty()) std::abort();
  if (!is_plain_path(path) || climbs(path)) std::abort();
  if (verdict.kind != Kind::pass) return;
  if (head.method == "GET" ? !path.starts_with("/v1/") : !path.starts_with("/v2/")) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const fob::config::Gateway settings = listener();
  static const Rules rules(settings);
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto end = end_of_head(text); end != text.npos) {
    if (end > text.size()) std::abort();
    (void)is_folded_or_bare(text.substr(0, end));
  }
  Head head{};
  for (auto* field :
       {&head.method, &head.target, &head.host, &head.origin, &head.browser, &head.asked_method})
    *field = take_line(text);
  head.asks_for_private_network = take_line(text) == "true";
  check(head, rules.judge(head));
  const auto authorization = take_line(text);
  (void)has_pair(settings, authorization);
  (void)has_pair_in_form(settings, authorization, text);
  return 0;
}
