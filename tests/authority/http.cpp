#include "tests/authority/http.hpp"

#include "ipc/wire/json.hpp"

#include <boost/url/pct_string_view.hpp>

#include <algorithm>

namespace fob::authority {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_loopback_host(std::string_view host) {
  // A colon within brackets is the address's own.
  const auto colon = host.find(':', host.starts_with('[') ? host.find(']') : 0);
  const auto name = host.substr(0, colon);
  return equal_ignoring_case(name, "localhost") || name == "127.0.0.1" || name == "[::1]";
}

std::string_view Request::path() const { return std::string_view(target).substr(0, target.find('?')); }

std::string_view Request::query() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return std::nullopt;
}

std::size_t Request::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(headers.begin(), headers.end(), [&](const auto& header) {
    return equal_ignoring_case(header.first, name);
  }));
}

Response json_response(int status, const Json& body) {
  return {status, {{"Content-Type", "application/json"}}, wire::dump(body)};
}

Response error_response(int status, std::string_view text) {
  return json_response(status, {{"error", text}});
}

Response method_not_allowed(std::string_view allowed) {
  Response response = error_response(405, "Method not allowed");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

std::optional<std::string> form_decoded(std::string_view text) {
  const auto coded = boost::urls::make_pct_string_view({text.data(), text.size()});
  if (!coded) return std::nullopt;
  boost::urls::encoding_opts options;
  options.space_as_plus = true;
  return coded->decode(options);
}

std::optional<Headers> parse_form(std::string_view text) {
  Headers pairs;
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    const auto sign = pair.find('=');
    auto name = form_decoded(pair.substr(0, sign));
    auto value = form_decoded(sign == std::string_view::npos ? std::string_view() : pair.substr(sign + 1));
    if (!name || !value) return std::nullopt;
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
}

}  // namespace fob::authority
