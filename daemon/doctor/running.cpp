#include "daemon/doctor/running.hpp"

#include "ipc/base/shell_word.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/base/unix_address.hpp"
#include "ipc/base/users.hpp"
#include "ipc/client/client.hpp"
#include "ipc/client/control_client.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::doctor {
namespace {

using wire::Json;

constexpr std::chrono::seconds k_at_once{10};

enum class Socket : std::uint8_t { missing, socket, other };

Socket look_at(const std::filesystem::path& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return Socket::missing;
  return S_ISSOCK(facts.st_mode) ? Socket::socket : Socket::other;
}

// `trouble`: why fobd could not be asked, if it could not.
Finding socket_finding(const Patient& patient, const std::optional<Error>& trouble) {
  const auto& path = patient.daemon_at.app_socket();
  switch (look_at(path)) {
    case Socket::missing:
      return skip(Check::sockets, path.string() + " is not there; fobd makes it");
    case Socket::other:
      return failure(Check::sockets, ErrorCode::daemon_not_running,
                     path.string() + " is no socket and is in fobd's way",
                     patient.as_root("rm " + in_shell(path)) + " && " + patient.start());
    case Socket::socket:
      break;
  }
  if (!trouble) return pass(Check::sockets, path.string());
  if (trouble->code != ErrorCode::daemon_not_running)
    return pass(Check::sockets, path.string() + ": somebody listens");
  return failure(Check::sockets, ErrorCode::daemon_not_running,
                 path.string() + " was left behind: nobody listens on it any more", patient.start());
}

// What keeps this user from a socket: the first directory on the way that may not be entered, or its own
// mode.
std::string open_way_to(const Patient& patient, const std::filesystem::path& socket) {
  std::filesystem::path way;
  for (const auto& part : socket.parent_path()) {
    way /= part;
    if (::access(way.c_str(), X_OK) != 0) return patient.as_root("chmod o+x " + in_shell(way));
  }
  return patient.as_root("chmod o+rw " + in_shell(socket));
}

// unix(7), SO_PEERCRED: of a listening socket, who called listen(2).
std::optional<std::int64_t> listener_at(const std::filesystem::path& path) {
  const auto to = unix_address(path.native());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!to || !fd || connect_unix(fd.get(), *to) != 0) return std::nullopt;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0)
    return std::nullopt;
  return peer.pid;
}

Finding unreached(const Patient& patient, const Error& trouble) {
  if (trouble.code == ErrorCode::not_granted) return skip(Check::daemon, "not reached");
  if (trouble.code == ErrorCode::daemon_not_running)
    return failure(Check::daemon, trouble.code,
                   "fobd does not run at " + patient.daemon_at.runtime_dir.string(), patient.start());
  return failure(Check::daemon, trouble.code, trouble.detail,
                 patient.restart(listener_at(patient.daemon_at.app_socket())));
}

std::string number_in_words(const Json& status, const char* name) {
  return std::to_string(wire::integer_member(status, name).value_or(0));
}

const Json* profile_in(const Json& status, const std::string& name) {
  const auto profiles = status.find("profiles");
  if (profiles == status.end() || !profiles->is_array()) return nullptr;
  const auto found = std::find_if(profiles->begin(), profiles->end(), [&](const Json& one) {
    return one.is_object() && wire::string_member(one, "name") == name;
  });
  return found == profiles->end() ? nullptr : &*found;
}

const Json* object_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || !found->is_object() ? nullptr : &*found;
}

const store::SlotSummary* current_in(const store::Listing* listing, const std::string& profile) {
  if (listing == nullptr) return nullptr;
  const auto found = std::find_if(listing->slots.begin(), listing->slots.end(), [&](const auto& slot) {
    return slot.profile == profile && slot.slot == wire::Slot::current;
  });
  return found == listing->slots.end() ? nullptr : &*found;
}

Finding no_credential(const Patient& patient, const std::string& name) {
  return failure(Check::credential, ErrorCode::no_credential, name + ": none is stored",
                 patient.operators("credential add " + name));
}

// By what is stored, where fobd says nothing.
Finding credential_stored(const Patient& patient, const std::string& name, const store::Listing* listing) {
  if (listing == nullptr) return skip(Check::credential, name + ": only an operator may look");
  const auto* current = current_in(listing, name);
  if (current == nullptr && !listing->unreadable.empty())
    return skip(Check::credential, name + ": not known while the store does not open");
  if (current == nullptr) return no_credential(patient, name);
  return pass(Check::credential, name + ": version " + std::to_string(current->version) + ", stored " +
                                     to_rfc3339(current->stored_at));
}

// What keeps fobd from getting a token now; nothing while all is well.
std::string trouble_of(const Json& profile) {
  const Json* error = object_in(profile, "alarm");
  if (error == nullptr && wire::is_true(profile, "failing")) error = object_in(profile, "last_error");
  return error == nullptr ? "" : wire::shown_member(*error, "kind");
}

// fobd found none, and there is one.
Finding not_found(const Patient& patient, const store::SlotSummary& stored) {
  const std::string refresh = patient.operators("refresh " + stored.profile);
  const std::string is = stored.profile + ": version " + std::to_string(stored.version) + " is stored, but ";
  if (!patient.units || stored.store != config::StoreKind::systemd_creds)
    return failure(Check::credential, ErrorCode::no_credential, is + "fobd has not found it", refresh);
  const std::string socket = "fob-exchange@" + stored.profile + ".socket";
  return failure(Check::credential, ErrorCode::no_credential, is + "fobd has not found " + socket,
                 patient.as_root("systemctl enable --now " + socket) + " && " + refresh);
}

Finding credential(const Patient& patient, const std::string& name, const Json& profile,
                   const store::Listing* listing) {
  const bool none_found = trouble_of(profile) == "no-credential";
  if (const auto* current = current_in(listing, name); none_found && current != nullptr)
    return not_found(patient, *current);
  if (const Json* alarm = object_in(profile, "alarm")) {
    const std::string offer = wire::shown_member(*alarm, "offer");
    return failure(
        Check::credential, code_of_kind(wire::shown_member(*alarm, "kind")).value_or(ErrorCode::rejected),
        name + ": refused since " + wire::shown_member(*alarm, "since") + ": " +
            wire::shown_member(*alarm, "detail"),
        patient.operators("credential " + (offer.empty() ? "rotate " + name : offer + " " + name)));
  }
  if (none_found) return no_credential(patient, name);
  if (listing != nullptr) return credential_stored(patient, name, listing);
  if (const auto version = wire::integer_member(profile, "credential_version"))
    return pass(Check::credential, name + ": version " + std::to_string(*version));
  return skip(Check::credential, name + ": not known while there is no token");
}

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& one : words) text += (text.empty() ? "" : " ") + one;
  return text.empty() ? "none" : text;
}

Finding scopes(const Patient& patient, const config::Profile& profile, const Json& state) {
  if (profile.authority == config::Authority::multiset)
    return skip(Check::scopes, profile.name + ": the vendor does not say what a token has");
  std::vector<std::string> given, missing;
  if (const auto list = state.find("scopes"); list != state.end() && list->is_array())
    for (const auto& scope : *list)
      if (scope.is_string())
        given.push_back(wire::printable(scope.get<std::string>(), wire::k_max_scope_length));
  for (const auto& wanted : profile.scopes)
    if (std::find(given.begin(), given.end(), wanted) == given.end()) missing.push_back(wanted);
  if (wire::shown_member(state, "state") != "valid")
    return skip(Check::scopes, profile.name + ": not known without a token");
  if (missing.empty()) return pass(Check::scopes, profile.name + ": " + list_of(given));
  return warn(Check::scopes,
              profile.name + ": the token has " + list_of(given) + ", and not " + list_of(missing) +
                  ", which [profile." + profile.name + "] wants; create a credential with it",
              patient.operators("credential rotate " + profile.name));
}

Finding token(const Patient& patient, const std::string& name, const Json& state) {
  const Json* error = object_in(state, "last_error");
  const bool failing = wire::is_true(state, "failing") && error != nullptr;
  const std::string why =
      failing ? wire::shown_member(*error, "kind") + ": " + wire::shown_member(*error, "detail") : "";
  const std::string refresh = patient.operators("refresh " + name);
  const std::string is = wire::shown_member(state, "state");
  if (is == "valid") {
    const std::string left = name + ": valid, " + number_in_words(state, "expires_in") + " s left";
    if (!failing) return pass(Check::token, left);
    return warn(Check::token, left + ", but the last refresh failed: " + why, refresh);
  }
  if (is == "idle") return pass(Check::token, name + ": none until an app asks, as configured");
  const auto code = failing ? code_of_kind(wire::shown_member(*error, "kind")) : std::nullopt;
  return failure(Check::token, code.value_or(ErrorCode::timeout),
                 name + ": none" + (why.empty() ? " yet" : "; " + why), refresh);
}

std::string name_or_number(uid_t user) { return name_of_user(user).value_or(std::to_string(user)); }

// As a format of printf(1).
std::string grant(const std::string& profiles, const std::string& user) {
  return R"(\n[[grant]]\nprofiles = [)" + profiles + R"(]\nuser = ")" + user + R"("\n)";
}

// Adds a grant and puts it in force. The first one ends what holds without any, that fobd's own user may have
// all.
std::string grant_to(const Patient& patient, const std::string& user, const config::Config& config) {
  std::string all;
  for (const auto& [name, profile] : config.profiles) all += (all.empty() ? "\"" : ", \"") + name + "\"";
  const std::string own = config.grants.empty() ? grant(all, name_or_number(patient.keeper)) : "";
  const std::string one =
      config.profiles.size() == 1 ? all : "\"" + config.daemon.default_profile.value_or("PROFILE") + "\"";
  return "printf " + in_shell(own + grant(one, user)) + " | " +
         patient.as_root("tee -a " + in_shell(patient.at.config_file)) + " >/dev/null && " +
         patient.operators("reload");
}

Result<std::vector<std::string>> granted_to_us(const Patient& patient) {
  const client::Client fobd(patient.daemon_at.app_socket(), patient.clock, "see the socket's mode");
  const auto answer = fobd.demand({client::Verb::get, "/v1/profiles", ""}, k_at_once);
  if (!answer) return answer.error();
  const auto document = wire::parse_object(answer->body, wire::k_max_answer, ErrorCode::internal);
  if (!document) return document.error();
  std::vector<std::string> names;
  if (const auto list = document->find("profiles"); list != document->end() && list->is_array())
    for (const auto& one : *list)
      if (one.is_object()) names.push_back(wire::shown_member(one, "profile", wire::k_max_profile_name));
  return names;
}

}  // namespace

AskedDaemon ask_daemon(const Patient& patient) {
  AskedDaemon asked;
  const client::Client fobd(patient.daemon_at.app_socket(), patient.clock, "see the socket's mode");
  const auto health = fobd.request({client::Verb::get, "/healthz", ""}, k_at_once);
  asked.answers = health.has_value();
  if (!health && health.error().code == ErrorCode::not_granted) {
    asked.findings.push_back(failure(patient, Check::sockets, health.error(),
                                     open_way_to(patient, patient.daemon_at.app_socket())));
  } else {
    asked.findings.push_back(socket_finding(patient, health ? std::nullopt : std::optional(health.error())));
  }
  if (!health) {
    asked.findings.push_back(unreached(patient, health.error()));
    return asked;
  }
  const auto document = client::ControlClient(patient.daemon_at.control_socket(), patient.clock).status();
  auto status = document ? wire::parse_object(*document, wire::k_max_answer, ErrorCode::internal)
                         : Result<Json>(document.error());
  if (!status) {
    const bool refused = status.error().code == ErrorCode::not_granted;
    asked.findings.push_back(
        refused ? pass(Check::daemon, "fobd answers; what it says of itself is for operators")
                : failure(Check::daemon, status.error().code, status.error().detail,
                          patient.restart(listener_at(patient.daemon_at.app_socket()))));
    return asked;
  }
  asked.findings.push_back(pass(Check::daemon, "fobd " + wire::shown_member(*status, "version") +
                                                   " runs, pid " + number_in_words(*status, "pid")));
  asked.status = std::move(*status);
  return asked;
}

std::vector<Finding> judge_profiles(const Patient& patient, const config::Config& config,
                                    const AskedDaemon& daemon, const store::Listing* listing) {
  std::vector<Finding> findings;
  for (const auto& [name, profile] : config.profiles) {
    const Json* state = daemon.status ? profile_in(*daemon.status, name) : nullptr;
    if (state != nullptr) {
      findings.push_back(credential(patient, name, *state, listing));
      findings.push_back(scopes(patient, profile, *state));
      findings.push_back(token(patient, name, *state));
    } else if (daemon.status) {
      findings.push_back(
          failure(Check::token, ErrorCode::unknown_profile,
                  name + ": fobd does not know it yet; it has not read the configuration since",
                  patient.operators("reload")));
    } else {
      findings.push_back(credential_stored(patient, name, listing));
    }
  }
  return findings;
}

std::vector<Finding> judge_grants(const Patient& patient, const config::Config& config,
                                  const AskedDaemon& daemon) {
  if (!daemon.answers) return {skip(Check::grants, "fobd decides, and was not reached")};
  const auto granted = granted_to_us(patient);
  if (!granted) return {failure(patient, Check::grants, granted.error(), "")};
  const std::string user = name_or_number(patient.user);
  if (!granted->empty())
    return {pass(Check::grants,
                 "a program of " + user + "'s started like this one may have: " + list_of(*granted))};
  if (config.profiles.empty()) return {skip(Check::grants, "there is no profile to grant")};
  const std::string what = "no [[grant]] is for a program of " + user + "'s started like this one";
  // Root looks after the installation, and asks for no token there.
  if (patient.is_root() && (patient.units || patient.keeper != patient.user))
    return {skip(Check::grants, what + "; try as an app's user", "sudo -u USER " + patient.fob + " doctor")};
  return {failure(Check::grants, ErrorCode::not_granted, what, grant_to(patient, user, config))};
}

}  // namespace fob::doctor
