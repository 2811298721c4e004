// The commands of `fob fleet`: what they take, and what their help says.
#pragma once

#include "daemon/cli/command_line.hpp"
#include "daemon/cli/fleet_device.hpp"
#include "daemon/cli/fleet_operator.hpp"

#include <CLI/App.hpp>

#include <functional>
#include <string>

namespace fob::cli {

/// Where the arguments of the fleet's commands land; lives as long as the commands do.
class FleetCommands {
 public:
  /// Adds `fleet` to `fob`. The command that is chosen is given to `choose`.
  void add_to(CLI::App& fob, std::function<void(Command)> choose);

 private:
  CLI::App* add(CLI::App& to, const std::string& name, const std::string& help, Command command);
  void add_keygen(CLI::App& fleet);
  void add_enrol(CLI::App& fleet);
  void add_seal(CLI::App& fleet);
  void add_inspect(CLI::App& fleet);
  void add_apply(CLI::App& fleet);
  void add_report(CLI::App& fleet);

  std::function<void(Command)> choose_;
  KeygenOptions keygen_;
  std::optional<std::string> id_;
  SealOptions seal_;
  std::uint64_t valid_for_s_ = 0;
  std::uint64_t wave_every_s_ = 0;
  InspectOptions inspect_;
  ApplyOptions apply_;
  ReportOptions report_;
};

}  // namespace fob::cli
