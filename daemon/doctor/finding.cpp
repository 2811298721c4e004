#include "daemon/doctor/finding.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace fob::doctor {
namespace {

constexpr std::array<std::string_view, 18> k_checks = {
    "configuration", "permissions", "sockets",    "daemon", "store", "key",    "clock", "dns",     "proxy",
    "tls",           "endpoint",    "credential", "scopes", "token", "grants", "units", "sandbox", "version"};
constexpr std::array<std::string_view, 4> k_verdicts = {"pass", "warn", "fail", "skip"};

// How messages introduce the command that they end with.
constexpr std::array<std::string_view, 3> k_before_commands = {
    "; run: ", "; enrol again: ", ". Enrol again: "};

// What stands in parentheses behind a command is a remark on it.
std::string command_in(std::string_view text) { return std::string(text.substr(0, text.find(" ("))); }

}  // namespace

std::string_view to_string(Check check) { return k_checks.at(static_cast<std::size_t>(check)); }
std::string_view to_string(Verdict verdict) { return k_verdicts.at(static_cast<std::size_t>(verdict)); }

Finding failure(Check check, const Error& error, std::string otherwise) {
  for (const auto before : k_before_commands) {
    const auto at = error.detail.rfind(before);
    if (at == std::string::npos) continue;
    std::string mend = command_in(std::string_view(error.detail).substr(at + before.size()));
    const bool of_files = mend.starts_with("chmod ") || mend.starts_with("chown ");
    return failure(of_files ? Check::permissions : check, error.code, error.detail.substr(0, at),
                   std::move(mend));
  }
  return failure(check, error.code, error.detail, std::move(otherwise));
}

std::string in_shell(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("_./=:@%+,-").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string(R"('\'')") : std::string(1, c);
  return quoted + "'";
}

}  // namespace fob::doctor
