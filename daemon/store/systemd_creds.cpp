#include "daemon/store/systemd_creds.hpp"

#include "daemon/store/credential_store.hpp"
#include "daemon/store/private_file.hpp"
#include "daemon/store/record_text.hpp"
#include "ipc/base/file.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <unistd.h>

namespace fob::store {
namespace {

constexpr std::string_view k_blob_suffix = ".cred";
// The longest record in base64 with line ends, beside keys that a TPM sealed and are some 1 KiB.
constexpr std::size_t k_max_blob = 112 * 1024;

// systemd-creds says what it means in English, without what it merely notes; the TPM's library not at all.
constexpr std::array k_environment = {"LC_ALL=C", "SYSTEMD_LOG_LEVEL=err", "TSS2_LOG=all+NONE"};

// What systemd-creds says, by a word of it, and what that means to who reads it here. The first that fits.
struct Meaning {
  std::string_view word;
  std::string_view meaning;
  bool for_good;  ///< nothing that may come back is missing
};
constexpr std::array k_meanings = {
    Meaning{"does not match filename", "it was written for another profile", true},
    Meaning{"TCTI", "the TPM does not answer", false},
    Meaning{"integrity check failed", "another TPM sealed it", true},
    Meaning{"lockout", "the TPM has locked itself after failures or a loss of power, and needs time", false},
    Meaning{"TPM", "the TPM refuses", false},
    Meaning{"local credential key: No such file", "the host key is gone", false},
    Meaning{"file too short", "it was cut short", true},
    Meaning{"read encrypted credential data", "it is no blob of systemd-creds", true},
    Meaning{"corrupted data", "it was altered", true},
    Meaning{"Decryption failed", "another host key encrypted it, or it was altered", true},
};

constexpr std::array<std::string_view, 4> k_words_of_age = {"Unknown command verb", "unrecognized option",
                                                            "Unknown key type", "invalid option"};

bool has(std::string_view text, std::string_view word) { return text.find(word) != std::string_view::npos; }

bool is_too_old(const ToolRun& run) {
  return std::any_of(k_words_of_age.begin(), k_words_of_age.end(),
                     [&](std::string_view word) { return has(run.complaint, word); });
}

bool lacks_rights(const ToolRun& run) { return ::geteuid() != 0 && has(run.complaint, "Permission denied"); }

std::string in_plain_words(const std::string& complaint) {
  for (const auto& [word, meaning, for_good] : k_meanings)
    if (has(complaint, word)) return std::string(meaning) + " (" + complaint + ")";
  return complaint;
}

bool is_for_good(const std::string& complaint) {
  const auto found = std::find_if(k_meanings.begin(), k_meanings.end(),
                                  [&](const Meaning& meaning) { return has(complaint, meaning.word); });
  return found != k_meanings.end() && found->for_good;
}

// What to do about a program that did not do its work, whatever the work was; empty: that depends on the
// work.
std::string_view mend_of(const ToolRun& run) {
  if (run.end == ToolEnd::not_started)
    return "install systemd 250 or newer, whose systemd-creds this store needs";
  if (run.end == ToolEnd::too_slow) return "see whether the TPM is busy or stuck, and try again";
  if (is_too_old(run)) return "it is too old: install systemd 250 or newer";
  return {};
}

std::string name_of(const std::string& profile) { return "fob-" + profile; }

Result<void> check_profile(const std::string& profile) {
  if (wire::is_profile_name(profile)) return {};
  return fail(ErrorCode::store, "this is not the name of a profile; it would not be a file in the vault");
}

// Empty: there is no such file.
Result<std::optional<SecretBytes>> read_text(const std::filesystem::path& file) {
  const auto fd = open_private_file(file, Sharing::systemd);
  if (!fd) return fd.error();
  if (!*fd) return std::optional<SecretBytes>();
  auto text = read_secret(fd->get(), k_max_record_text, file);
  if (!text) return text.error();
  return std::optional<SecretBytes>(std::move(*text));
}

Result<std::optional<Record>> record_in(const SecretBytes& text, const std::string& profile,
                                        const std::filesystem::path& file) {
  auto record = decode_record(text.reveal(), profile);
  if (!record)
    return fail(ErrorCode::store_damaged, file.string() + " cannot be used: " + record.error().detail +
                                              "; enrol again: " + enrol_again(profile));
  return std::optional<Record>(std::move(*record));
}

}  // namespace

SystemdCredsRecords::SystemdCredsRecords(SystemdCredsSetup setup)
    : setup_(std::move(setup)), tool_{setup_.program, setup_.environment, setup_.time_limit} {
  tool_.environment.insert(tool_.environment.end(), k_environment.begin(), k_environment.end());
}

std::filesystem::path SystemdCredsRecords::path_of(const std::string& profile) const {
  return setup_.vault / (profile + std::string(k_blob_suffix));
}

Error SystemdCredsRecords::root_alone(const std::string& profile, const std::string& reason) const {
  const std::string file = path_of(profile).string();
  return fail(ErrorCode::store_locked, file + " can be decrypted by root alone (" + reason +
                                           "); run this as root, or in a unit that has " +
                                           "LoadCredentialEncrypted=" + name_of(profile) + ":" + file);
}

Error SystemdCredsRecords::cannot_read(const std::string& profile, const ToolRun& run) const {
  const std::string file = path_of(profile).string();
  const auto locked = [&](const std::string& rest) { return fail(ErrorCode::store_locked, file + rest); };
  if (const auto mend = mend_of(run); !mend.empty())
    return locked(" cannot be decrypted: " + run.complaint + "; " + std::string(mend));
  if (lacks_rights(run)) return root_alone(profile, run.complaint);
  const std::string why = " cannot be decrypted on this device: " + in_plain_words(run.complaint);
  if (is_for_good(run.complaint))
    return fail(
        ErrorCode::store_damaged,
        file + why + "; if the host key or the TPM was changed, enrol again: " + enrol_again(profile));
  return locked(why + "; if it is gone for good, enrol again: " + enrol_again(profile, " --force"));
}

Error SystemdCredsRecords::cannot_write(const std::string& profile, const std::string& what,
                                        const ToolRun& run) const {
  auto mend = mend_of(run);
  if (mend.empty()) mend = lacks_rights(run) ? "run this as root" : "mend that and try again";
  return fail(ErrorCode::store, path_of(profile).string() + " was not written, since " + what + ": " +
                                    in_plain_words(run.complaint) + "; nothing was changed; " +
                                    std::string(mend));
}

ToolRun SystemdCredsRecords::decrypt(const std::string& profile, std::string_view blob) const {
  return run_tool(tool_, {"decrypt", "--name=" + name_of(profile), "-", "-"}, blob, k_max_record_text);
}

Result<std::optional<SecretBytes>> SystemdCredsRecords::kept(const std::string& profile) const {
  if (::eaccess(setup_.vault.c_str(), R_OK | X_OK) != 0 && errno == EACCES)
    return root_alone(profile, with_errno(setup_.vault.string()));
  const auto directory = open_private_directory(setup_.vault);
  if (!directory) return directory.error();
  const auto fd = *directory ? open_private_file(path_of(profile), Sharing::none) : UniqueFd();
  if (!fd) return fd.error();
  if (!*fd) return std::optional<SecretBytes>();
  const auto blob = read_all(fd->get(), k_max_blob, ErrorCode::store_damaged, path_of(profile).string());
  if (!blob) return blob.error();
  auto run = decrypt(profile, *blob);
  if (run.end != ToolEnd::done) return cannot_read(profile, run);
  return std::optional<SecretBytes>(std::move(run.output));
}

bool SystemdCredsRecords::is_handed(const std::string& profile) const {
  if (!setup_.credentials || !wire::is_profile_name(profile)) return false;
  std::error_code ignored;
  const auto found = std::filesystem::symlink_status(*setup_.credentials / name_of(profile), ignored);
  return found.type() != std::filesystem::file_type::not_found;
}

Result<std::optional<Record>> SystemdCredsRecords::read(const std::string& profile) {
  if (auto checked = check_profile(profile); !checked) return checked.error();
  const bool handed = is_handed(profile);
  const auto file = handed ? *setup_.credentials / name_of(profile) : path_of(profile);
  const auto text = handed ? read_text(file) : kept(profile);
  if (!text) return text.error();
  if (!*text) return std::optional<Record>();
  return record_in(**text, profile, file);
}

// systemd-creds's own word for the key.
Result<std::string_view> SystemdCredsRecords::key_word(const std::string& profile) const {
  switch (setup_.key) {
    case SealingKey::host:
      return "host";
    case SealingKey::tpm2:
      return "tpm2";
    case SealingKey::host_tpm2:
      return "host+tpm2";
    case SealingKey::automatic:
      break;
  }
  const auto run = run_tool(tool_, {"has-tpm2", "--quiet"}, {}, k_max_blob);
  if (run.end == ToolEnd::done) return "host+tpm2";
  if (run.end == ToolEnd::failed) return "host";  // its status says what of a TPM there is, and it is not all
  return cannot_write(profile, "it cannot be said whether there is a TPM", run);
}

Result<std::string> SystemdCredsRecords::seal(const std::string& profile, const SecretBytes& text) const {
  const auto key = key_word(profile);
  if (!key) return key.error();
  const auto sealed =
      run_tool(tool_, {"encrypt", "--name=" + name_of(profile), "--with-key=" + std::string(*key), "-", "-"},
               text.reveal(), k_max_blob);
  if (sealed.end != ToolEnd::done) return cannot_write(profile, "it cannot be encrypted", sealed);
  std::string blob(sealed.output.reveal());
  const auto opened = decrypt(profile, blob);
  if (opened.end != ToolEnd::done) return cannot_write(profile, "it could not be decrypted again", opened);
  if (opened.output != text)
    return fail(ErrorCode::store, path_of(profile).string() + " was not written, since " +
                                      setup_.program.string() +
                                      " gave back something else; nothing was changed; is it systemd's own?");
  return blob;
}

Result<void> SystemdCredsRecords::replace(const std::string& profile, const Record& record) {
  if (auto checked = check_profile(profile); !checked) return checked.error();
  const auto text = encode_record(record, profile);
  if (!text) return text.error();
  if (auto made = make_directory(setup_.vault, 0700, ErrorCode::store); !made) return made.error();
  if (const auto vault = open_private_directory(setup_.vault); !vault) return vault.error();
  const auto blob = seal(profile, *text);
  if (!blob) return blob.error();
  return replace_file(path_of(profile), *blob, 0600, ErrorCode::store);
}

Result<void> SystemdCredsRecords::erase(const std::string& profile) {
  if (auto checked = check_profile(profile); !checked) return checked.error();
  return remove_file(path_of(profile), ErrorCode::store);
}

Result<std::vector<std::string>> SystemdCredsRecords::profiles() {
  const auto vault = open_private_directory(setup_.vault);
  if (!vault) return vault.error();
  return files_of_profiles(setup_.vault, k_blob_suffix);
}

}  // namespace fob::store
