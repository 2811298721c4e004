#include "ipc/base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace fob {
namespace {

using enum ErrorCode;

// Exit statuses are those of design.md §5.
constexpr int k_exit_other = 1, k_exit_usage = 2, k_exit_no_daemon = 3, k_exit_not_granted = 4,
              k_exit_no_token = 5, k_exit_rejected = 6, k_exit_config = 7, k_exit_store = 8;

// Where several codes share a urn, the first row is the one a client decodes to, so the most general stands
// first.
constexpr std::array k_codes = {
    ErrorTraits{bad_request, "", "urn:fob:bad-request", 400, k_exit_usage, false,
                "The request cannot be understood"},
    ErrorTraits{not_found, "", "urn:fob:not-found", 404, k_exit_other, false,
                "There is nothing at this path"},
    ErrorTraits{method_not_allowed, "", "urn:fob:method-not-allowed", 405, k_exit_other, false,
                "This path does not take that method"},
    ErrorTraits{body_too_large, "", "urn:fob:too-large", 413, k_exit_other, false,
                "The request body is too large"},
    ErrorTraits{head_too_large, "", "urn:fob:too-large", 431, k_exit_other, false,
                "The request head is too large"},
    ErrorTraits{too_many_requests, "", "urn:fob:too-many-requests", 429, k_exit_no_token, true,
                "Too many requests"},
    ErrorTraits{not_granted, "", "urn:fob:not-granted", 403, k_exit_not_granted, false,
                "This process is not granted that profile"},
    ErrorTraits{unknown_profile, "", "urn:fob:unknown-profile", 404, k_exit_config, false,
                "There is no such profile"},
    ErrorTraits{no_credential, "no-credential", "urn:fob:no-credential", 503, k_exit_no_token, false,
                "The profile has no credential"},
    ErrorTraits{rejected, "rejected", "urn:fob:credential-rejected", 503, k_exit_rejected, false,
                "The authority rejects the credential"},
    ErrorTraits{forbidden, "forbidden", "urn:fob:credential-rejected", 503, k_exit_rejected, false,
                "The authority forbids this credential a token"},
    ErrorTraits{bad_answer, "bad-answer", "urn:fob:authority-error", 503, k_exit_no_token, true,
                "The authority's answer is not a token"},
    ErrorTraits{rate_limited, "rate-limited", "urn:fob:authority-error", 503, k_exit_no_token, true,
                "The authority asks for fewer requests"},
    ErrorTraits{unreachable, "unreachable", "urn:fob:authority-unreachable", 503, k_exit_no_token, true,
                "The authority cannot be reached"},
    ErrorTraits{timeout, "timeout", "urn:fob:authority-unreachable", 503, k_exit_no_token, true,
                "The authority does not answer in time"},
    ErrorTraits{tls, "tls", "urn:fob:authority-unreachable", 503, k_exit_no_token, true,
                "No trusted connection to the authority"},
    ErrorTraits{clock_wrong, "clock-wrong", "urn:fob:clock-wrong", 503, k_exit_no_token, true,
                "This device's clock is wrong"},
    ErrorTraits{store_locked, "store-locked", "urn:fob:no-credential", 503, k_exit_store, false,
                "The credential store cannot be read"},
    ErrorTraits{config, "config", "urn:fob:no-credential", 503, k_exit_config, false,
                "The configuration is wrong"},
    ErrorTraits{usage, "", "urn:fob:bad-request", 400, k_exit_usage, false, "The command line is wrong"},
    ErrorTraits{internal, "", "urn:fob:internal", 500, k_exit_other, false, "Something is broken in fob"},
    ErrorTraits{daemon_not_running, "", "urn:fob:internal", 500, k_exit_no_daemon, true,
                "The daemon is not running"},
    ErrorTraits{store, "", "urn:fob:internal", 500, k_exit_store, false, "The credential store failed"},
    ErrorTraits{store_damaged, "", "urn:fob:internal", 500, k_exit_store, false,
                "The credential store holds what is no record"},
};

}  // namespace

const ErrorTraits& traits(ErrorCode code) {
  const auto row =
      std::find_if(k_codes.begin(), k_codes.end(), [&](const auto& r) { return r.code == code; });
  return row == k_codes.end() ? traits(internal) : *row;
}

std::optional<ErrorCode> code_of_kind(std::string_view kind) {
  const auto row =
      std::find_if(k_codes.begin(), k_codes.end(), [&](const auto& r) { return r.kind == kind; });
  if (kind.empty() || row == k_codes.end()) return std::nullopt;
  return row->code;
}

std::optional<ErrorCode> code_of_urn(std::string_view urn) {
  const auto row = std::find_if(k_codes.begin(), k_codes.end(), [&](const auto& r) { return r.urn == urn; });
  if (row == k_codes.end()) return std::nullopt;
  return row->code;
}

std::string with_errno(std::string_view what) {
  return std::string(what) + ": " + std::generic_category().message(errno);
}

}  // namespace fob
