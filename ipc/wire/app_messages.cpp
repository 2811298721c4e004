#include "ipc/wire/app_messages.hpp"

#include "ipc/base/fingerprint.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

namespace fob::wire {
namespace {

using std::chrono::milliseconds;

// A number of seconds as people write one: up to nine digits, then perhaps a point and up to three more.
std::optional<milliseconds> decode_seconds(std::string_view text, milliseconds most) {
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
  const auto all_digits = [](std::string_view s) {
    return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (!all_digits(whole) || whole.size() > 9) return std::nullopt;
  if (point != std::string_view::npos && (!all_digits(fraction) || fraction.size() > 3)) return std::nullopt;
  fraction.resize(3, '0');
  std::int64_t seconds = 0, thousandths = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  std::from_chars(fraction.data(), fraction.data() + fraction.size(), thousandths);
  const milliseconds value(seconds * 1000 + thousandths);
  if (value > most) return std::nullopt;
  return value;
}

Error bad_seconds(std::string_view name, std::chrono::seconds most) {
  return fail(ErrorCode::bad_request, std::string(name) + " must be a number of seconds from 0 to " +
                                          std::to_string(most.count()) + ", for example " +
                                          std::string(name) + "=5");
}

Error unknown_parameter(std::string_view name, std::string_view known) {
  return fail(ErrorCode::bad_request,
              "unknown parameter '" + printable(name, 64) + "'; this path knows " + std::string(known));
}

Result<std::string> decode_profile_name(std::string_view text) {
  if (!is_profile_name(text))
    return fail(ErrorCode::bad_request, "profile must be 1 to 64 letters, digits, '.', '_' or '-'");
  return std::string(text);
}

}  // namespace

Result<Target> decode_target(std::string_view target) {
  const auto url = boost::urls::parse_origin_form(boost::core::string_view(target.data(), target.size()));
  if (!url) return fail(ErrorCode::bad_request, "the request target is not a path with an optional query");
  Target decoded;
  decoded.path = std::string(url->encoded_path());
  // Many clients append a bare "?"; Boost.URL takes it for one parameter without a name.
  if (url->encoded_query().empty()) return decoded;
  // No path takes more than a few, and each is compared with those before it.
  constexpr std::size_t k_max_parameters = 16;
  if (url->params().size() > k_max_parameters)
    return fail(ErrorCode::bad_request,
                "the request target has more than " + std::to_string(k_max_parameters) + " parameters");
  for (const auto& parameter : url->params()) {
    const std::string name(parameter.key);
    const bool again = std::any_of(decoded.parameters.begin(), decoded.parameters.end(),
                                   [&](const auto& p) { return p.first == name; });
    if (again)
      return fail(ErrorCode::bad_request, "the parameter '" + printable(name, 64) + "' is given twice");
    decoded.parameters.emplace_back(name, std::string(parameter.value));
  }
  return decoded;
}

Result<TokenQuery> decode_token_query(const Target& target) {
  TokenQuery query;
  query.wait = k_default_wait;
  for (const auto& [name, value] : target.parameters) {
    if (name == "profile") {
      auto profile = decode_profile_name(value);
      if (!profile) return profile.error();
      query.profile = std::move(*profile);
    } else if (name == "min_ttl") {
      query.min_ttl = decode_seconds(value, k_max_min_ttl);
      if (!query.min_ttl) return bad_seconds(name, k_max_min_ttl);
    } else if (name == "wait") {
      const auto wait = decode_seconds(value, k_max_wait);
      if (!wait) return bad_seconds(name, k_max_wait);
      query.wait = *wait;
    } else {
      return unknown_parameter(name, "profile, min_ttl and wait");
    }
  }
  return query;
}

Result<std::optional<std::string>> decode_profile_query(const Target& target) {
  std::optional<std::string> profile;
  for (const auto& [name, value] : target.parameters) {
    if (name != "profile") return unknown_parameter(name, "profile");
    auto decoded = decode_profile_name(value);
    if (!decoded) return decoded.error();
    profile = std::move(*decoded);
  }
  return profile;
}

Result<RejectedReport> decode_rejected_report(std::string_view body) {
  auto object = parse_object(body, k_max_body, ErrorCode::bad_request);
  if (!object) return object.error();
  if (const auto unknown = unknown_member(*object, {"profile", "fingerprint", "access_token"}))
    return fail(ErrorCode::bad_request, "unknown member '" + *unknown +
                                            "'; this body knows profile, and fingerprint or access_token");
  RejectedReport report;
  if (object->contains("profile")) {
    auto profile = decode_profile_name(string_member(*object, "profile").value_or(""));
    if (!profile) return profile.error();
    report.profile = std::move(*profile);
  }
  const auto print = string_member(*object, "fingerprint");
  const auto token = string_member(*object, "access_token");
  if (print.has_value() == token.has_value())
    return fail(ErrorCode::bad_request, "give either fingerprint or access_token, as a string");
  if (token && !is_bearer_token(*token))
    return fail(ErrorCode::bad_request, "access_token is not a bearer token");
  report.fingerprint = token ? fingerprint(*token) : *print;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (report.fingerprint.size() != 8 ||
      !std::all_of(report.fingerprint.begin(), report.fingerprint.end(), is_hex))
    return fail(ErrorCode::bad_request, "fingerprint must be the 8 lower-case hex digits of a token answer");
  return report;
}

}  // namespace fob::wire
