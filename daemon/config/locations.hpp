// Where configuration, sockets and state are (design.md §3): flags win, then FOB_*, then systemd's
// *_DIRECTORY, then the system's places for root and the XDG ones for a user. Decided once, in main, for
// every program alike.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fob::config {

/// Reads one environment variable; a seam for tests. Empty counts as unset.
using Environment = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> process_environment(const char* name);

/// What a program that is started by another of fob's may know of its environment, as "NAME=value": where a
/// session's keyring is, and what systemd handed over. All else could change where it connects or what it
/// trusts.
std::vector<std::string> environment_for_children(const Environment& environment);

/// The flags every program takes; empty where not given.
struct LocationFlags {
  std::string config, runtime_dir, state_dir;
};

struct Locations {
  std::filesystem::path config_file;
  std::filesystem::path runtime_dir;
  std::filesystem::path state_dir;

  std::filesystem::path app_socket() const { return runtime_dir / "fob.sock"; }
  std::filesystem::path control_socket() const { return runtime_dir / "control.sock"; }
  // Of the system installation's units, which systemd listens on:
  std::filesystem::path exchange_sockets() const { return runtime_dir / "exchange"; }
  std::filesystem::path promotion_socket() const { return runtime_dir / "promote.sock"; }
  std::filesystem::path witness_socket() const { return runtime_dir / "witness.sock"; }
};

/// `is_root`: whether the system's places are meant where nothing else says.
Locations locate(const LocationFlags& flags, const Environment& environment, bool is_root);

/// For a client: as locate(), but where nothing says otherwise and no user daemon has a socket, the system's
/// daemon.
Locations locate_daemon(const LocationFlags& flags, const Environment& environment, bool is_root);

/// The program `name` of this installation: beside the running one, else in libexec (design.md §3).
std::filesystem::path sibling_program(const std::string& name);

}  // namespace fob::config
