#include "daemon/doctor/finding.hpp"

#include <array>

namespace fob::doctor {
namespace {

constexpr std::array<std::string_view, 18> k_checks = {
    "configuration", "permissions", "sockets",    "daemon", "store", "key",    "clock", "dns",     "proxy",
    "tls",           "endpoint",    "credential", "scopes", "token", "grants", "units", "sandbox", "version"};
constexpr std::array<std::string_view, 4> k_verdicts = {"pass", "warn", "fail", "skip"};

}  // namespace

std::string_view to_string(Check check) { return k_checks.at(static_cast<std::size_t>(check)); }
std::string_view to_string(Verdict verdict) { return k_verdicts.at(static_cast<std::size_t>(verdict)); }

}  // namespace fob::doctor
