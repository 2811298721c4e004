#include "tests/authority/faults.hpp"

#include "ipc/wire/json.hpp"

#include <algorithm>
#include <array>

namespace fob::authority {
namespace {

struct NamedKind {
  FaultKind kind;
  std::string_view name;
};
constexpr std::array k_kinds = {
    NamedKind{FaultKind::status, "status"},
    NamedKind{FaultKind::slow, "slow"},
    NamedKind{FaultKind::hang, "hang"},
    NamedKind{FaultKind::reset, "reset"},
    NamedKind{FaultKind::empty, "empty"},
    NamedKind{FaultKind::truncated, "truncated"},
    NamedKind{FaultKind::garbage, "garbage"},
    NamedKind{FaultKind::json_garbage, "json_garbage"},
    NamedKind{FaultKind::html, "html"},
    NamedKind{FaultKind::huge, "huge"},
    NamedKind{FaultKind::redirect, "redirect"},
    NamedKind{FaultKind::no_expiry, "no_expiry"},
    NamedKind{FaultKind::past_expiry, "past_expiry"},
    NamedKind{FaultKind::error_200, "error_200"},
};

// Longer than any client should wait, shorter than the connection's own deadline.
constexpr std::int64_t k_max_delay_ms = 100'000;
constexpr std::size_t k_max_header_value = 1000;

constexpr std::string_view k_portal =
    "<!DOCTYPE html><html><head><title>Welcome to Airport Wi-Fi</title></head>"
    "<body><form action=\"/login\"><button>Accept and connect</button></form></body></html>";
constexpr std::string_view k_token_json =
    R"({"token":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.AAAA","expiresOn":"2099-01-01T00:00:00Z"})";
constexpr std::string_view k_broken_json = k_token_json.substr(0, k_token_json.size() - 10);

bool is_header_value(std::string_view text) {
  return text.size() <= k_max_header_value &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

Error bad(std::string detail) { return fail(ErrorCode::bad_request, std::move(detail)); }

/// The optional member `name`, within bounds.
Result<std::optional<std::int64_t>> bounded(const Json& json, const char* name, std::int64_t low,
                                            std::int64_t high) {
  if (!json.contains(name)) return std::optional<std::int64_t>();
  const auto number = wire::integer_member(json, name);
  if (!number || *number < low || *number > high)
    return bad(std::string(name) + " must be a whole number from " + std::to_string(low) + " to " +
               std::to_string(high));
  return number;
}

Result<void> read_numbers(const Json& json, Fault& fault) {
  const bool redirects = fault.kind == FaultKind::redirect;
  const auto count = bounded(json, "count", 1, 1'000'000'000);
  const auto delay = bounded(json, "delay_ms", 0, k_max_delay_ms);
  const auto status = redirects ? bounded(json, "status", 301, 308) : bounded(json, "status", 200, 599);
  if (!count) return count.error();
  if (!delay) return delay.error();
  if (!status) return status.error();
  fault.count = *count;
  fault.delay = std::chrono::milliseconds(delay->value_or(0));
  fault.status = static_cast<int>(status->value_or(redirects ? 302 : 500));
  return {};
}

Result<void> read_texts(const Json& json, Fault& fault) {
  for (const char* name : {"retry_after", "location", "body", "routes"})
    if (json.contains(name) && !wire::string_member(json, name))
      return bad(std::string(name) + " must be text");
  fault.retry_after = wire::string_member(json, "retry_after");
  fault.body = wire::string_member(json, "body");
  fault.location = wire::string_member(json, "location").value_or(std::string(k_redirect_trap));
  if (!is_header_value(fault.retry_after.value_or("")) || !is_header_value(fault.location))
    return bad("retry_after and location must fit into a header");

  const std::string routes = wire::string_member(json, "routes").value_or("token");
  if (routes != "token" && routes != "api" && routes != "all") return bad("routes is one of token, api, all");
  fault.on_token = routes != "api";
  fault.on_api = routes != "token";
  if (fault.on_api && (fault.kind == FaultKind::no_expiry || fault.kind == FaultKind::past_expiry))
    return bad("only token routes answer with an expiry");
  return {};
}

Response plain(int status, std::string_view type, std::string_view body) {
  return {status, {{"Content-Type", std::string(type)}}, std::string(body)};
}

Response by_status(const Fault& fault) {
  Response response = fault.body ? plain(fault.status, "application/json", *fault.body)
                                 : error_response(fault.status, "sandbox fault");
  if (fault.retry_after) response.headers.emplace_back("Retry-After", *fault.retry_after);
  return response;
}

Response delivered(Delivery delivery) {
  Response response = plain(200, "application/json", k_token_json);
  response.delivery = delivery;
  return response;
}

}  // namespace

Result<Fault> parse_fault(const Json& json) {
  if (const auto stranger = wire::unknown_member(json, {"kind", "routes", "count", "delay_ms", "status",
                                                        "retry_after", "body", "location", "opaque"}))
    return bad("unknown member: " + *stranger);
  const auto name = wire::string_member(json, "kind").value_or("");
  const auto kind =
      std::find_if(k_kinds.begin(), k_kinds.end(), [&](const auto& row) { return row.name == name; });
  if (kind == k_kinds.end()) return bad("unknown kind of fault");

  Fault fault;
  fault.kind = kind->kind;
  if (auto fine = read_numbers(json, fault); !fine) return fine.error();
  if (auto fine = read_texts(json, fault); !fine) return fine.error();
  if (json.contains("opaque") && !json.at("opaque").is_boolean()) return bad("opaque must be true or false");
  fault.opaque = json.value("opaque", false);
  return fault;
}

Json to_json(const Fault& fault) {
  const auto kind =
      std::find_if(k_kinds.begin(), k_kinds.end(), [&](const auto& row) { return row.kind == fault.kind; });
  Json json = {{"kind", kind->name},
               {"routes", fault.on_token && fault.on_api ? "all" : (fault.on_api ? "api" : "token")},
               {"delay_ms", fault.delay.count()}};
  if (fault.count) json["count"] = *fault.count;
  if (fault.kind == FaultKind::status || fault.kind == FaultKind::redirect) json["status"] = fault.status;
  if (fault.kind == FaultKind::redirect) json["location"] = fault.location;
  if (fault.retry_after) json["retry_after"] = *fault.retry_after;
  if (fault.body) json["body"] = *fault.body;
  if (fault.opaque) json["opaque"] = true;
  return json;
}

std::optional<Response> answer_instead(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::slow:
    case FaultKind::no_expiry:
    case FaultKind::past_expiry:
      return std::nullopt;
    case FaultKind::status:
      return by_status(fault);
    case FaultKind::hang:
      return delivered(Delivery::hang);
    case FaultKind::reset:
      return delivered(Delivery::reset);
    case FaultKind::empty:
      return delivered(Delivery::empty);
    case FaultKind::truncated:
      return delivered(Delivery::truncated);
    case FaultKind::garbage:
      return delivered(Delivery::garbage);
    case FaultKind::huge:
      return delivered(Delivery::huge);
    case FaultKind::json_garbage:
      return plain(200, "application/json", fault.body.value_or(std::string(k_broken_json)));
    case FaultKind::html:
      return plain(200, "text/html; charset=utf-8", fault.body.value_or(std::string(k_portal)));
    case FaultKind::error_200:
      return json_response(200, {{"error", fault.body.value_or("Client is not allowed to do this")}});
    case FaultKind::redirect: {
      Response response = plain(fault.status, "text/plain", "");
      response.headers.emplace_back("Location", fault.location);
      return response;
    }
  }
  return std::nullopt;
}

}  // namespace fob::authority
