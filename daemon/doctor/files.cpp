#include "daemon/doctor/files.hpp"

#include "daemon/config/ca_file.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <set>
#include <unistd.h>

namespace fob::doctor {
namespace {

std::string counted(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

// "FILE:12: …": the file that an error of the configuration begins with, else the main one.
std::filesystem::path file_named_in(const std::string& detail, const std::filesystem::path& main) {
  const auto colon = detail.find(':');
  const bool numbered = colon != std::string::npos && colon + 1 < detail.size() &&
                        std::isdigit(static_cast<unsigned char>(detail[colon + 1])) != 0;
  return numbered ? std::filesystem::path(detail.substr(0, colon)) : main;
}

Finding wrong_configuration(const Patient& patient, const Error& error) {
  const auto file = file_named_in(error.detail, patient.at.config_file);
  std::error_code ignored;
  if (::access(patient.at.config_file.c_str(), R_OK) != 0 && errno == EACCES)
    return failure(Check::configuration, error.code, error.detail, "sudo " + patient.fob + " doctor");
  std::string mend = patient.edit(file) + " && " + patient.fob + " config check";
  // One that does not run reads it when it starts.
  if (std::filesystem::exists(patient.daemon_at.control_socket(), ignored))
    mend += " && " + patient.operators("reload");
  return failure(patient, Check::configuration, error, std::move(mend));
}

Finding right_configuration(const Patient& patient, const config::Config& config) {
  const std::string file = patient.at.config_file.string();
  if (config.profiles.empty())
    return warn(Check::configuration, file + " has no profile; add [profile.NAME] with authority and scopes",
                patient.configure());
  return pass(Check::configuration, file + ": " + counted(config.profiles.size(), "profile") + ", " +
                                        counted(config.grants.size(), "grant"));
}

// Where the units have other directories, or none: fob-exchange@.service and fob-gateway.service.
bool is_hidden_from_units(const std::filesystem::path& file) {
  const std::string path = file.lexically_normal().string();
  constexpr std::array<std::string_view, 5> k_hidden = {"/home/", "/root/", "/run/user/", "/tmp/", "/var/"};
  return std::any_of(k_hidden.begin(), k_hidden.end(), [&](auto hidden) { return path.starts_with(hidden); });
}

Finding ca_file_finding(const Patient& patient, const Error& error) {
  return failure(patient, Check::configuration, fail(error.code, "ca_file " + error.detail),
                 patient.configure());
}

// As the exchanger reads them.
std::vector<Finding> foreign_ca_files(const Patient& patient, const config::Config& config) {
  std::set<std::filesystem::path> files;
  for (const auto& [name, profile] : config.profiles)
    if (profile.ca_file) files.insert(*profile.ca_file);
  for (const auto& [name, gateway] : config.gateways)
    if (gateway.ca_file) files.insert(*gateway.ca_file);
  std::vector<Finding> findings;
  for (const auto& file : files) {
    if (const auto read = config::read_ca_file(file); !read)
      findings.push_back(ca_file_finding(patient, read.error()));
    else if (patient.units && is_hidden_from_units(file))
      findings.push_back(ca_file_finding(
          patient, fail(ErrorCode::config,
                        file.string() + " is where fob's units see nothing; have it below /etc/fob")));
  }
  return findings;
}

}  // namespace

ReadConfiguration read_configuration(const Patient& patient) {
  ReadConfiguration read;
  auto config = config::load(patient.at.config_file);
  if (!config) {
    read.findings.push_back(wrong_configuration(patient, config.error()));
    if (read.findings.front().check != Check::configuration)
      read.findings.push_back(skip(Check::configuration, "not read while others can write it"));
    return read;
  }
  read.findings.push_back(right_configuration(patient, *config));
  for (auto& finding : foreign_ca_files(patient, *config)) read.findings.push_back(std::move(finding));
  read.config = std::move(*config);
  return read;
}

}  // namespace fob::doctor
