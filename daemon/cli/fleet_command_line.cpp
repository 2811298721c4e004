#include "daemon/cli/fleet_command_line.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <map>

namespace fob::cli {
namespace {

constexpr const char* k_fleet_story =
    "A roll-out: `keygen` once; `enrol` on each device, its line to the operator; `seal` a credential\n"
    "for all of them; the bundle into each device's inbox, where `apply` finds it; the receipts of their\n"
    "outboxes into `report`. The bundle holds sealed boxes only and may travel any way. More: fob-fleet(1).";

// "90s", "30min", "24h", "30d".
CLI::Validator duration() {
  const std::map<std::string, std::uint64_t> units = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
  return CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED).description("");
}

constexpr std::uint64_t k_month_s = std::uint64_t{30} * 86400;
constexpr std::uint64_t k_day_s = 86400;

}  // namespace

CLI::App* FleetCommands::add(CLI::App& to, const std::string& name, const std::string& help,
                             Command command) {
  CLI::App* added = to.add_subcommand(name, help);
  added->callback([this, command] { choose_(command); });
  return added;
}

void FleetCommands::add_to(CLI::App& fob, std::function<void(Command)> choose) {
  choose_ = std::move(choose);
  CLI::App& fleet = *fob.add_subcommand("fleet", "Rotate the credentials of many devices by one signed file");
  add_keygen(fleet);
  add_enrol(fleet);
  add_seal(fleet);
  add_inspect(fleet);
  add_apply(fleet);
  add_report(fleet);
  fleet.footer(k_fleet_story);
  fleet.require_subcommand(1);
}

void FleetCommands::add_keygen(CLI::App& fleet) {
  CLI::App* keygen = add(fleet, "keygen", "Operator: make the key that signs bundles; prints the public one",
                         [this](const Context& context) { return fleet_keygen(keygen_, context); });
  keygen->add_option("--out", keygen_.out, "Where the private key goes: a new file, 0600")
      ->type_name("FILE")
      ->required();
  CLI::Option* file = keygen->add_option("--passphrase-file", keygen_.passphrase_file,
                                         "The passphrase is its first line; left out: the terminal is asked");
  file->type_name("FILE");
  keygen->add_flag("--no-passphrase", keygen_.without_passphrase, "The key is kept in clear")->excludes(file);
  keygen->footer(
      "What is printed goes into each device's fob.toml, as one of `signers` in [fleet]. Who has the\n"
      "private key can rotate the whole fleet: keep it off the machines that hand bundles out.");
}

void FleetCommands::add_enrol(CLI::App& fleet) {
  CLI::App* enrol =
      add(fleet, "enrol", "Device: print its name and public keys, for the operator's devices file",
          [this](const Context& context) { return fleet_enrol(id_, context); });
  enrol->add_option("--id", id_, "The device's name, the first time; left out: after the host")
      ->type_name("NAME");
  enrol->footer(
      "One line of JSON, without a secret. The device's keys are made the first time and kept in its\n"
      "credential store; later the same line is printed again.");
}

void FleetCommands::add_seal(CLI::App& fleet) {
  CLI::App* seal = add(fleet, "seal", "Operator: seal a credential to each device, into one signed bundle",
                       [this](const Context& context) {
                         seal_.valid_for = std::chrono::seconds(valid_for_s_);
                         seal_.wave_every = std::chrono::seconds(wave_every_s_);
                         return fleet_seal(seal_, context);
                       });
  valid_for_s_ = k_month_s;
  wave_every_s_ = k_day_s;
  seal->add_option("--key", seal_.key, "The operator's private key, as `fob fleet keygen` wrote it")
      ->type_name("FILE")
      ->required();
  seal->add_option("--passphrase-file", seal_.passphrase_file,
                   "The key's passphrase is its first line; left out: the terminal is asked")
      ->type_name("FILE");
  seal->add_option("--devices", seal_.devices, "The devices' enrol lines, one a line")
      ->type_name("FILE")
      ->required();
  seal->add_option("--profile", seal_.profile, "The profile whose credential it is")
      ->type_name("PROFILE")
      ->required();
  seal->add_option("--serial", seal_.serial, "Higher than that of any bundle before, for this profile")
      ->type_name("N")
      ->required();
  CLI::Option* one = seal->add_option("--credential", seal_.credential,
                                      "One for all: the file downloaded from the portal; - is stdin");
  one->type_name("FILE");
  seal->add_option("--credentials", seal_.credential_table,
                   "One for each: CSV of device,client_id,client_secret")
      ->type_name("FILE")
      ->excludes(one);
  seal->add_option("--not-before", seal_.not_before, "UTC, like 2026-01-31T12:00:00Z; left out: now")
      ->type_name("TIME");
  CLI::Option* end = seal->add_option("--not-after", seal_.not_after, "The end, likewise");
  end->type_name("TIME");
  seal->add_option("--valid-for", valid_for_s_, "Instead of --not-after: 12h, 30d; left out: 30d")
      ->type_name("DURATION")
      ->transform(duration())
      ->excludes(end);
  seal->add_option("--waves", seal_.waves,
                   "Percents of the devices, up to 100: 5,25,100; left out: all at once")
      ->type_name("P,P,…")
      ->delimiter(',');
  seal->add_option("--wave-every", wave_every_s_, "From one wave to the next; left out: 1d")
      ->type_name("DURATION")
      ->transform(duration());
  seal->add_option("--out", seal_.out, "Where the bundle goes")->type_name("FILE")->required();
  seal->footer(
      "Without --credential and --credentials stdin is read; a terminal is asked, without echo. With waves,\n"
      "the first begins at --not-before; which device is in which is drawn by lot.");
}

void FleetCommands::add_inspect(CLI::App& fleet) {
  CLI::App* inspect = add(fleet, "inspect", "Operator: verify a bundle and show what it says of itself",
                          [this](const Context& context) { return fleet_inspect(inspect_, context); });
  inspect->add_option("BUNDLE", inspect_.bundle, "The file")->type_name("")->required();
  inspect->add_option("--signer", inspect_.signer, "The public key that must have signed it")
      ->type_name("KEY");
  inspect->add_flag("--json", inspect_.json, "As JSON");
  inspect->footer(
      "Without --signer it tells that the bundle is whole and signed by the key that it names itself,\n"
      "and not that this key is yours.");
}

void FleetCommands::add_apply(CLI::App& fleet) {
  CLI::App* apply =
      add(fleet, "apply", "Device: take bundles, from the inbox unless named, and leave receipts",
          [this](const Context& context) { return fleet_apply(apply_, context); });
  CLI::Option* bundles = apply->add_option("BUNDLE", apply_.bundles, "Left out: all in the inbox");
  bundles->type_name("");
  apply
      ->add_option("--signer", apply_.signers,
                   "A public key to trust besides the [fleet] signers of fob.toml")
      ->type_name("KEY")
      ->allow_extra_args(false);
  apply->add_flag("--watch", apply_.watch, "Go on: take each bundle as it is dropped into the inbox")
      ->excludes(bundles);
  apply->footer(
      "Exit status: 0 every bundle was applied, staged or waits for its time; 1 one was refused;\n"
      "6 the authority rejected the credential of one; 8 the store failed.");
}

void FleetCommands::add_report(CLI::App& fleet) {
  CLI::App* report = add(fleet, "report", "Operator: sum up the receipts of a roll-out",
                         [this](const Context& context) { return fleet_report(report_, context); });
  report->add_option("RECEIPTS", report_.receipts, "Receipts (*.json), or directories of them")
      ->type_name("")
      ->required();
  report->add_option("--devices", report_.devices, "The enrol lines, to name who has not answered")
      ->type_name("FILE");
  report->add_flag("--json", report_.json, "As JSON");
  report->footer(
      "For each bundle the latest receipt of each device counts. With a file that is no receipt it exits 2.");
}

}  // namespace fob::cli
