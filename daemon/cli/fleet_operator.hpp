// fob fleet keygen, seal, inspect, report: what an operator does, away from the devices. A private key and a
// credential are read from files or a terminal, into locked memory; what comes out holds sealed boxes only.
#pragma once

#include "daemon/cli/context.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fob::cli {

struct KeygenOptions {
  std::string out;
  bool without_passphrase = false;
  std::optional<std::string> passphrase_file;  ///< nothing: the terminal is asked
};
/// Writes the private key to a new file (0600), and prints the public one.
Result<int> fleet_keygen(const KeygenOptions& options, const Context& context);

struct SealOptions {
  std::string key;
  std::optional<std::string> passphrase_file;
  std::string devices;
  std::string profile;
  std::uint64_t serial = 0;
  std::optional<std::string> credential;        ///< one for all: a downloaded file, or - for stdin
  std::optional<std::string> credential_table;  ///< CSV: one for each
  std::optional<std::string> not_before;        ///< RFC 3339; nothing: now
  std::optional<std::string> not_after;
  std::chrono::seconds valid_for{};  ///< where there is no not_after
  std::vector<unsigned> waves;       ///< cumulative percents; empty: all at once
  std::chrono::seconds wave_every{};
  std::string out;
};
Result<int> fleet_seal(const SealOptions& options, const Context& context);

struct InspectOptions {
  std::string bundle;
  std::optional<std::string> signer;
  bool json = false;
};
/// Verifies the bundle's signature, by `signer` or else by the key that it names, and shows its header.
Result<int> fleet_inspect(const InspectOptions& options, const Context& context);

struct ReportOptions {
  std::vector<std::string> receipts;  ///< files, or directories of them
  std::optional<std::string> devices;
  bool json = false;
};
Result<int> fleet_report(const ReportOptions& options, const Context& context);

}  // namespace fob::cli
