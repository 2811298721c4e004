#include "daemon/cli/fleet_operator.hpp"

#include "daemon/cli/credential_source.hpp"
#include "daemon/cli/shred.hpp"
#include "daemon/cli/speech.hpp"
#include "daemon/cli/tty_prompt.hpp"
#include "daemon/fleet/bundle_reader.hpp"
#include "daemon/fleet/bundle_writer.hpp"
#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/operator_key.hpp"
#include "daemon/fleet/report.hpp"
#include "daemon/store/private_file.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/json.hpp"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace fob::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::floor;
using std::chrono::seconds;

Error as_error(const fleet::Refusal& refusal, const std::string& bundle) {
  return fail(ErrorCode::internal, bundle + ": " + explain(refusal));
}

// The content of a file that nobody else may read.
Result<SecretBytes> read_private(const std::string& path, std::size_t limit) {
  const auto fd = store::open_private_file(path, store::Sharing::none);
  if (!fd) return fail(ErrorCode::usage, fd.error().detail);
  if (!*fd) return fail(ErrorCode::usage, "there is no file " + path);
  auto content = store::read_secret(fd->get(), limit, path);
  if (!content) return fail(ErrorCode::usage, content.error().detail);
  return content;
}

Result<SecretBytes> passphrase_in(const std::string& path) {
  auto content = read_private(path, fleet::k_max_passphrase + 1);
  if (!content) return content;
  const auto text = content->reveal();
  return SecretBytes::copy_of(text.substr(0, std::min(text.find_first_of("\r\n"), text.size())));
}

Result<SecretBytes> ask_passphrase(const std::string& question) {
  auto prompt = TtyPrompt::open();
  if (!prompt)
    return fail(ErrorCode::usage,
                "there is no terminal to ask for the passphrase at; give --passphrase-file FILE");
  return prompt->ask(question, Echo::off);
}

Result<SecretBytes> new_passphrase(const KeygenOptions& options) {
  if (options.passphrase_file) return passphrase_in(*options.passphrase_file);
  auto first = ask_passphrase("Passphrase for " + options.out + ": ");
  if (!first) return first;
  const auto second = ask_passphrase("The same again: ");
  if (!second) return second.error();
  if (!(*first == *second)) return fail(ErrorCode::usage, "the two are not the same; nothing was written");
  return first;
}

Result<fleet::OperatorKey> load_key(const SealOptions& options) {
  const auto text = read_private(options.key, fleet::k_max_operator_key);
  if (!text) return text.error();
  const auto wants = fleet::wants_passphrase(text->reveal());
  if (!wants) return fail(wants.error().code, options.key + ": " + wants.error().detail);
  std::optional<SecretBytes> passphrase;
  if (*wants) {
    auto given = options.passphrase_file ? passphrase_in(*options.passphrase_file)
                                         : ask_passphrase("Passphrase of " + options.key + ": ");
    if (!given) return given.error();
    passphrase = std::move(*given);
  }
  auto key = fleet::decode_operator_key(text->reveal(), passphrase ? &*passphrase : nullptr);
  if (!key) return fail(key.error().code, options.key + ": " + key.error().detail);
  return key;
}

Result<fleet::Credentials> load_credentials(const SealOptions& options) {
  if (options.credential_table) {
    const UniqueFd fd(
        ::open(options.credential_table->c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (fd && others_can_read(fd.get()))
      say("warning: others on this machine can read " + *options.credential_table +
          "; once this is done, run: shred -u " + *options.credential_table);
    return fleet::read_credential_table(*options.credential_table);
  }
  auto credential = obtain_credential(options.credential, options.profile, say);
  if (!credential) return credential.error();
  return fleet::Credentials::for_all(std::move(credential->client_id), std::move(credential->secret));
}

Result<fleet::Time> instant(const std::string& text, const std::string& flag) {
  const auto time = fleet::time_from(text);
  if (time) return *time;
  return fail(ErrorCode::usage, flag + " takes a time in UTC like 2026-01-31T12:00:00Z");
}

Result<fleet::SealOrder> order_of(const SealOptions& options, const Context& context) {
  const fleet::Time now = floor<seconds>(context.clock.wall_now());
  fleet::SealOrder order{options.profile, options.serial, now, now, {}, {}};
  if (options.not_before) {
    const auto time = instant(*options.not_before, "--not-before");
    if (!time) return time.error();
    order.not_before = *time;
  }
  order.not_after = order.not_before + options.valid_for;
  if (options.not_after) {
    const auto time = instant(*options.not_after, "--not-after");
    if (!time) return time.error();
    order.not_after = *time;
  }
  const auto percents = options.waves.empty() ? std::vector<unsigned>{100} : options.waves;
  for (std::size_t i = 0; i < percents.size(); ++i)
    order.waves.push_back({percents[i], order.not_before + options.wave_every * static_cast<int>(i)});
  return order;
}

// A line on the terminal that is written over; nothing anywhere else.
fleet::Progress progress_on_terminal() {
  if (::isatty(STDERR_FILENO) != 1) return {};
  return [](std::uint64_t sealed, std::uint64_t devices) {
    const std::string line = "\rsealed " + std::to_string(sealed) + " of " + std::to_string(devices) +
                             (sealed == devices ? "\n" : "");
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
  };
}

std::string shown(const fleet::BundleHeader& header) {
  std::string text = "profile     " + header.profile + "\nserial      " + std::to_string(header.serial) +
                     "\ncreated     " + fleet::to_text(header.created) + "\nvalid       " +
                     fleet::to_text(header.not_before) + " to " + fleet::to_text(header.not_after) +
                     "\ndevices     " + std::to_string(header.devices) + "\nsigner      " +
                     fleet::to_base64(header.signer) + "\n";
  for (std::size_t i = 0; i < header.waves.size(); ++i)
    text += "wave " + std::to_string(i + 1) + "      from " + fleet::to_text(header.waves[i].from) + " " +
            std::to_string(header.waves[i].percent) + " %, " + std::to_string(devices_up_to(header, i)) +
            (devices_up_to(header, i) == 1 ? " device\n" : " devices\n");
  return text;
}

std::string as_json(const fleet::BundleHeader& header, bool named_signer) {
  wire::Json waves = wire::Json::array();
  for (std::size_t i = 0; i < header.waves.size(); ++i)
    waves.push_back({{"percent", header.waves[i].percent},
                     {"from", fleet::to_text(header.waves[i].from)},
                     {"devices", devices_up_to(header, i)}});
  return wire::dump({{"profile", header.profile},
                     {"serial", header.serial},
                     {"created", fleet::to_text(header.created)},
                     {"not_before", fleet::to_text(header.not_before)},
                     {"not_after", fleet::to_text(header.not_after)},
                     {"devices", header.devices},
                     {"signer", fleet::to_base64(header.signer)},
                     {"signer_was_named", named_signer},
                     {"waves", std::move(waves)}}) +
         "\n";
}

std::vector<fs::path> receipt_files(const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const auto& name : names) {
    std::error_code error;
    if (!fs::is_directory(name, error)) {
      files.emplace_back(name);
      continue;
    }
    for (fs::recursive_directory_iterator it(name, error), end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      if (it->path().extension() == ".json" && it->is_regular_file(ignored)) files.push_back(it->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<int> fleet_keygen(const KeygenOptions& options, const Context&) {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(options.out, ignored)))
    return fail(ErrorCode::usage,
                options.out + " is there already; a key is never overwritten, name another file");
  std::optional<SecretBytes> passphrase;
  if (!options.without_passphrase) {
    auto chosen = new_passphrase(options);
    if (!chosen) return chosen.error();
    passphrase = std::move(*chosen);
  }
  const auto key = fleet::make_operator_key();
  const auto text = fleet::encode_operator_key(key, passphrase ? &*passphrase : nullptr);
  if (!text) return text.error();
  if (auto written = replace_file(options.out, text->reveal(), 0600, ErrorCode::internal); !written)
    return written.error();
  say(options.out +
      (passphrase ? " holds the private key, encrypted under the passphrase"
                  : " holds the private key in clear; who has it can rotate the whole fleet") +
      ". Devices trust it by its public key, in fob.toml: [fleet] signers = [\"…\"]");
  if (auto printed = print(fleet::to_base64(key.public_key) + "\n"); !printed) return printed.error();
  return 0;
}

Result<int> fleet_seal(const SealOptions& options, const Context& context) {
  const auto order = order_of(options, context);
  if (!order) return order.error();
  const auto devices = fleet::read_device_list(options.devices);
  if (!devices) return devices.error();
  const auto credentials = load_credentials(options);
  if (!credentials) return credentials.error();
  const auto key = load_key(options);
  if (!key) return key.error();
  const auto header =
      fleet::seal_bundle(options.out, *order, *devices, *credentials, *key, progress_on_terminal());
  if (!header) return header.error();
  say(options.out + ": serial " + std::to_string(header->serial) + " of " + header->profile + " for " +
      std::to_string(header->devices) + (header->devices == 1 ? " device" : " devices") + ", valid until " +
      fleet::to_text(header->not_after) + "; drop it into their inbox by whatever way files get there");
  return 0;
}

Result<int> fleet_inspect(const InspectOptions& options, const Context&) {
  const auto file = fleet::BundleFile::open(options.bundle);
  if (!file) return as_error(file.error(), options.bundle);
  const auto claimed = fleet::read_bundle_header(*file);
  if (!claimed) return as_error(claimed.error(), options.bundle);
  std::vector<fleet::PublicKey> signers = {claimed->signer};
  if (options.signer) {
    const auto key = fleet::public_key_from(*options.signer);
    if (!key) return fail(ErrorCode::usage, "--signer takes a public key as `fob fleet keygen` prints it");
    signers = {*key};
  }
  const auto header = fleet::verify_bundle(*file, signers);
  if (!header) return as_error(header.error(), options.bundle);
  const std::string text = options.json ? as_json(*header, options.signer.has_value()) : shown(*header);
  if (auto printed = print(text); !printed) return printed.error();
  if (!options.signer)
    say("whole and signed by the key that it names itself; whether that is yours, say with --signer");
  return 0;
}

Result<int> fleet_report(const ReportOptions& options, const Context&) {
  std::optional<fleet::DeviceList> devices;
  if (options.devices) {
    auto list = fleet::read_device_list(*options.devices);
    if (!list) return list.error();
    devices = std::move(*list);
  }
  fleet::ReportBuilder builder;
  std::size_t unreadable = 0;
  for (const auto& file : receipt_files(options.receipts)) {
    const auto text = read_file(file, fleet::k_max_receipt, ErrorCode::usage);
    const auto receipt = text ? fleet::decode_receipt(*text) : Result<fleet::Receipt>(text.error());
    if (receipt) {
      builder.add(*receipt);
    } else if (++unreadable <= 10) {
      say(file.string() + ": no receipt: " + receipt.error().detail);
    }
  }
  const auto report = builder.finish(devices ? &*devices : nullptr);
  if (auto printed = print(options.json ? to_json(report) : to_table(report)); !printed)
    return printed.error();
  if (unreadable > 10) say(std::to_string(unreadable) + " files were no receipts");
  return unreadable == 0 ? 0 : traits(ErrorCode::bad_request).exit_status;
}

}  // namespace fob::cli
