#include "daemon/config/options.hpp"

#include "daemon/config/endpoint.hpp"
#include "daemon/config/gateway_checks.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"
#include "ipc/wire/witness_line.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace fob::config {
namespace {

using namespace std::string_view_literals;

Error wrong(std::string detail) { return fail(ErrorCode::config, std::move(detail)); }

// A word out of a few, each standing for a value.
template <class E>
struct Word {
  std::string_view word;
  E value;
};

constexpr std::array k_stores = {Word{"systemd-creds"sv, StoreKind::systemd_creds},
                                 Word{"secret-service"sv, StoreKind::secret_service},
                                 Word{"file"sv, StoreKind::file}};
constexpr std::array k_sealing_keys = {Word{"auto"sv, SealingKey::automatic},
                                       Word{"host"sv, SealingKey::host}, Word{"tpm2"sv, SealingKey::tpm2},
                                       Word{"host+tpm2"sv, SealingKey::host_tpm2}};
constexpr std::array k_authorities = {Word{"multiset"sv, Authority::multiset},
                                      Word{"oauth2"sv, Authority::oauth2}};
constexpr std::array k_client_auths = {Word{"basic"sv, ClientAuth::basic}, Word{"post"sv, ClientAuth::post}};
constexpr std::array k_refresh_modes = {Word{"always"sv, RefreshMode::always},
                                        Word{"on-demand"sv, RefreshMode::on_demand}};

template <class E, std::size_t N>
std::string word_of(const std::array<Word<E>, N>& words, E value) {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.value == value; });
  return std::string(found == words.end() ? ""sv : found->word);
}

template <class E, std::size_t N, class Target>
Result<void> take_word(const std::array<Word<E>, N>& words, const Value& value, Target& target) {
  const auto& text = std::get<std::string>(value);
  std::string choices;
  for (const auto& word : words) {
    if (word.word == text) {
      target = word.value;
      return {};
    }
    choices += (choices.empty() ? "\"" : ", \"") + std::string(word.word) + "\"";
  }
  return wrong("\"" + text + "\" is none of " + choices);
}

Result<void> take_text(const Value& value, std::optional<std::string>& target) {
  const auto& text = std::get<std::string>(value);
  if (text.empty()) return wrong("it is empty; write a value or leave the key out");
  const bool clean =
      std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (!clean) return wrong("it holds control characters");
  target = text;
  return {};
}

Result<void> take_path(const Value& value, std::optional<std::filesystem::path>& target) {
  std::optional<std::string> text;
  if (auto taken = take_text(value, text); !taken) return taken;
  target = *text;
  return {};
}

Result<void> take_profile_name(const Value& value, std::optional<std::string>& target) {
  if (!wire::is_profile_name(std::get<std::string>(value)))
    return wrong("\"" + std::get<std::string>(value) + "\" is not a profile name");
  return take_text(value, target);
}

Result<void> take_scopes(Profile& profile, const Value& value) {
  const auto& scopes = std::get<std::vector<std::string>>(value);
  if (scopes.size() > wire::k_max_scopes) return wrong("these are too many scopes");
  for (const auto& scope : scopes)
    if (!wire::is_scope(scope))
      return wrong("\"" + scope + "\" is not a scope (visible ASCII without quotes and spaces)");
  profile.scopes = scopes;
  return {};
}

Result<void> take_endpoint(Profile& profile, const Value& value) {
  profile.endpoint = std::get<std::string>(value);
  return check_endpoint(profile.endpoint);
}

Result<void> take_proxy(Profile& profile, const Value& value) {
  if (auto checked = check_proxy(std::get<std::string>(value)); !checked) return checked;
  return take_text(value, profile.proxy);
}

// A SHA-256 or a public key: 32 bytes.
bool is_base64_of_32_bytes(const std::string& text) {
  std::array<unsigned char, 32> bytes{};
  std::size_t size = 0;
  return sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr,
                           sodium_base64_VARIANT_ORIGINAL) == 0 &&
         size == bytes.size();
}

Result<void> take_signers(Fleet& fleet, const Value& value) {
  fleet.signers = std::get<std::vector<std::string>>(value);
  if (std::all_of(fleet.signers.begin(), fleet.signers.end(), is_base64_of_32_bytes)) return {};
  return wrong("each must be a public key as `fob fleet keygen` prints it, 44 characters ending in =");
}

Result<void> take_pin(Profile& profile, const Value& value) {
  const auto& text = std::get<std::string>(value);
  if (!is_base64_of_32_bytes(text))
    return wrong("it must be the base64 of a SHA-256, 44 characters ending in =");
  return take_text(value, profile.pin_sha256);
}

Result<void> take_duration(const Value& value, std::chrono::seconds& target) {
  const auto& text = std::get<std::string>(value);
  std::int64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(rest, text.data() + text.size());
  const std::int64_t factor = unit == "s"     ? 1
                              : unit == "min" ? 60
                              : unit == "h"   ? 3600
                              : unit == "d"   ? 86400
                                              : 0;
  constexpr std::int64_t k_most = 366 * 86400LL;
  if (error != std::errc{} || factor == 0 || number < 0 || number > k_most / factor)
    return wrong("\"" + text + "\" is not a duration; write \"90s\", \"30min\", \"6h\" or \"2d\"");
  target = std::chrono::seconds(number * factor);
  return {};
}

template <class Target>
Result<void> take_boolean(const Value& value, Target& target) {
  target = std::get<bool>(value);
  return {};
}

std::string text_of(const std::optional<std::string>& text) { return text.value_or(""); }
std::string text_of(const std::optional<std::filesystem::path>& path) { return path ? path->string() : ""; }

constexpr std::array k_daemon_options = {
    Option<Daemon>{"store", Type::text, R"("systemd-creds" | "secret-service" | "file")",
                   "the best available", "Where credentials are kept.",
                   [](Daemon& d, const Value& v) { return take_word(k_stores, v, d.store); },
                   [](const Daemon& d) { return Value(d.store ? word_of(k_stores, *d.store) : ""); }},
    Option<Daemon>{"default_profile", Type::text, "a profile's name", "",
                   "The profile of requests that name none. The process must be granted it.",
                   [](Daemon& d, const Value& v) { return take_profile_name(v, d.default_profile); },
                   [](const Daemon& d) { return Value(text_of(d.default_profile)); }},
    Option<Daemon>{"vault_key", Type::text, "a file's path", "STATE/keys/vault.key",
                   "Key of the file store. Best on another medium than the vault.",
                   [](Daemon& d, const Value& v) { return take_path(v, d.vault_key); },
                   [](const Daemon& d) { return Value(text_of(d.vault_key)); }},
    Option<Daemon>{
        "sealing_key", Type::text, R"("auto" | "host" | "tpm2" | "host+tpm2")", R"("auto")",
        "What the store systemd-creds encrypts with; auto: host+tpm2 where the machine has all that a TPM2 "
        "takes, else host.",
        [](Daemon& d, const Value& v) { return take_word(k_sealing_keys, v, d.sealing_key); },
        [](const Daemon& d) { return Value(word_of(k_sealing_keys, d.sealing_key)); }},
    Option<Daemon>{"auto_fallback", Type::boolean, "true | false", "false",
                   "While the authority refuses a credential, use the staged or previous one if that works. "
                   "fobd says so in its log, in `fob status` and in the metrics. Without it, it says there "
                   "which one works and which command puts it in force, and uses none.",
                   [](Daemon& d, const Value& v) { return take_boolean(v, d.auto_fallback); },
                   [](const Daemon& d) { return Value(d.auto_fallback); }},
};

constexpr std::array k_fleet_options = {
    Option<Fleet>{
        "signers", Type::list, R"(["BASE64=", …])", "",
        "Public keys of the operators whose bundles this device takes. As `fob fleet keygen` prints them; "
        "without any it takes none.",
        take_signers, [](const Fleet& f) { return Value(f.signers); }},
    Option<Fleet>{
        "inbox", Type::text, "a directory's path", "STATE/fleet/inbox",
        "Where bundles are dropped for `fob fleet apply`. The package's units know the default only.",
        [](Fleet& f, const Value& v) { return take_path(v, f.inbox); },
        [](const Fleet& f) { return Value(text_of(f.inbox)); }},
    Option<Fleet>{"outbox", Type::text, "a directory's path", "STATE/fleet/outbox",
                  "Where it leaves their receipts. The package's units know the default only.",
                  [](Fleet& f, const Value& v) { return take_path(v, f.outbox); },
                  [](const Fleet& f) { return Value(text_of(f.outbox)); }},
};

constexpr std::array k_profile_options = {
    Option<Profile>{"authority", Type::text, R"("multiset" | "oauth2")", R"("multiset")",
                    "Who issues the tokens.",
                    [](Profile& p, const Value& v) { return take_word(k_authorities, v, p.authority); },
                    [](const Profile& p) { return Value(word_of(k_authorities, p.authority)); }},
    Option<Profile>{
        "endpoint", Type::text, "https://HOST/PATH, or http:// on loopback", k_multiset_endpoint,
        "The token endpoint. The credential is sent there and nowhere else. oauth2 has no default and "
        "needs one. Loopback is localhost, 127.0.0.0/8 and [::1]. No user or password in it.",
        take_endpoint, [](const Profile& p) { return Value(p.endpoint); }},
    Option<Profile>{"scopes", Type::list, R"(["query", …])", "",
                    "multiset: what the credential was created with; oauth2: sent as `scope`. At most 64.",
                    take_scopes, [](const Profile& p) { return Value(p.scopes); }},
    Option<Profile>{
        "ca_file", Type::text, "a PEM file's path", "the system's CAs",
        "The only CAs trusted for this endpoint. At most 1 MiB. Like the configuration it must be "
        "writable for root or oneself only. The package's units see none below /home, /root, /tmp and /var.",
        [](Profile& p, const Value& v) { return take_path(v, p.ca_file); },
        [](const Profile& p) { return Value(text_of(p.ca_file)); }},
    Option<Profile>{"pin_sha256", Type::text, "base64 of a SHA-256", "",
                    "The hash that the endpoint's public key (SubjectPublicKeyInfo) must have, besides a "
                    "valid certificate.",
                    take_pin, [](const Profile& p) { return Value(text_of(p.pin_sha256)); }},
    Option<Profile>{"proxy", Type::text, "http://, https:// or socks5h://HOST:PORT",
                    "none; the environment is not asked", "The way out. None is used for plain http.",
                    take_proxy, [](const Profile& p) { return Value(without_password(text_of(p.proxy))); }},
    Option<Profile>{"audience", Type::text, "a text", "", "oauth2: sent as `audience` (Auth0 and others).",
                    [](Profile& p, const Value& v) { return take_text(v, p.audience); },
                    [](const Profile& p) { return Value(text_of(p.audience)); }},
    Option<Profile>{"resource", Type::text, "a URI", "", "oauth2: sent as `resource` (RFC 8707).",
                    [](Profile& p, const Value& v) { return take_text(v, p.resource); },
                    [](const Profile& p) { return Value(text_of(p.resource)); }},
    Option<Profile>{"client_auth", Type::text, R"("basic" | "post")", R"("basic")",
                    "oauth2: the credential in the Authorization header or in the body (RFC 6749 §2.3.1).",
                    [](Profile& p, const Value& v) { return take_word(k_client_auths, v, p.client_auth); },
                    [](const Profile& p) { return Value(word_of(k_client_auths, p.client_auth)); }},
    Option<Profile>{"refresh", Type::text, R"("always" | "on-demand")", R"("always")",
                    "Keep a token ready, or get one when an app asks.",
                    [](Profile& p, const Value& v) { return take_word(k_refresh_modes, v, p.refresh); },
                    [](const Profile& p) { return Value(word_of(k_refresh_modes, p.refresh)); }},
    Option<Profile>{
        "idle_after", Type::text, R"("90s", "30min", "6h", "2d"; "0s" for never)", R"("0s")",
        "No refresh any more once no app has asked for this long. The next request gets a new token.",
        [](Profile& p, const Value& v) { return take_duration(v, p.idle_after); },
        [](const Profile& p) { return Value(std::to_string(p.idle_after.count()) + "s"); }},
    Option<Profile>{"auto_fallback", Type::boolean, "true | false", "what [daemon] says",
                    "As in [daemon], for this profile alone.",
                    [](Profile& p, const Value& v) { return take_boolean(v, p.auto_fallback); },
                    [](const Profile& p) { return Value(p.auto_fallback.value_or(false)); }},
};

Result<void> take_profiles(Grant& grant, const Value& value) {
  grant.profiles = std::get<std::vector<std::string>>(value);
  return {};
}

// What a selector takes: "" where the text will do, else what is wrong with it.
using Check = std::string_view (*)(std::string_view text);

constexpr std::string_view any_text(std::string_view) { return ""; }

std::string_view check_exe(std::string_view text) {
  return wire::is_plain_path(text) ? "" : "write the program's whole path, beginning with /";
}

std::string_view check_sha256(std::string_view text) {
  return wire::is_sha256_hex(text) ? "" : "write 64 hex digits in lower case, as sha256sum prints them";
}

std::string_view check_unit(std::string_view text) {
  return text.ends_with(".service") || text.ends_with(".scope")
             ? ""
             : "write NAME.service or NAME.scope, as systemctl status shows it";
}

// The selectors differ in nothing but the member they fill and what they take.
template <std::optional<std::string> Grant::*Member, Check check = any_text>
constexpr Option<Grant> selector(std::string_view key, std::string_view form, std::string_view meaning) {
  return {key,
          Type::text,
          form,
          "",
          meaning,
          [](Grant& g, const Value& v) -> Result<void> {
            if (auto taken = take_text(v, g.*Member); !taken) return taken;
            const std::string_view wrong = check(*(g.*Member));
            if (!wrong.empty()) return fail(ErrorCode::config, std::string(wrong));
            return {};
          },
          [](const Grant& g) { return Value(text_of(g.*Member)); }};
}

constexpr std::array k_grant_options = {
    Option<Grant>{"profiles", Type::list, R"(["prod-query", …])", "",
                  "What is granted. Required; each must be configured.", take_profiles,
                  [](const Grant& g) { return Value(g.profiles); }},
    selector<&Grant::user>("user", "a user's name or number", "The process runs as this user."),
    selector<&Grant::group>("group", "a group's name or number",
                            "The process is in this group, be it its primary or a supplementary one."),
    selector<&Grant::exe, check_exe>("exe", "a program's whole path",
                                     "The process runs this program, and its file is still in place. Without "
                                     "symbolic links, as `realpath` prints it."),
    selector<&Grant::exe_sha256, check_sha256>(
        "exe_sha256", "64 hex digits in lower case",
        "The process runs a program with this SHA-256, wherever its file is."),
    selector<&Grant::unit, check_unit>(
        "unit", "NAME.service or NAME.scope",
        "The process belongs to this systemd unit. The system's, or fobd's own user's where fobd is a user's "
        "service; `user@UID.service/NAME.service` is a unit of that user."),
    selector<&Grant::apparmor>(
        "apparmor", "a profile's name",
        "AppArmor confines the process by this profile, in force and not only complaining."),
    selector<&Grant::selinux>("selinux", "a context",
                              "The process runs in this SELinux context. Compared as a whole."),
};

Result<void> take_each(const Value& value, Result<void> (*check)(std::string_view),
                       std::vector<std::string>& target) {
  target = std::get<std::vector<std::string>>(value);
  for (const auto& one : target)
    if (auto checked = check(one); !checked) return checked;
  return {};
}

Result<void> take_checked(const Value& value, Result<void> (*check)(std::string_view), std::string& target) {
  target = std::get<std::string>(value);
  return check(target);
}

constexpr std::array k_gateway_options = {
    Option<Gateway>{"listen", Type::text, "127.0.0.1:PORT or [::1]:PORT", "",
                    "Where apps on this device reach it. Required; it listens on loopback only.",
                    [](Gateway& g, const Value& v) { return take_checked(v, check_listen, g.listen); },
                    [](const Gateway& g) { return Value(g.listen); }},
    Option<Gateway>{"profile", Type::text, "a profile's name", "the default profile",
                    "Whose tokens it puts into requests.",
                    [](Gateway& g, const Value& v) { return take_profile_name(v, g.profile); },
                    [](const Gateway& g) { return Value(text_of(g.profile)); }},
    Option<Gateway>{"upstream", Type::text, "https://HOST, or http:// on loopback",
                    "the host of the profile's endpoint",
                    "Where requests go, and with them the token. A path in it is put before theirs.",
                    [](Gateway& g, const Value& v) { return take_checked(v, check_upstream, g.upstream); },
                    [](const Gateway& g) { return Value(g.upstream); }},
    Option<Gateway>{"ca_file", Type::text, "a file's path", "the profile's, if upstream is left out",
                    "The only CAs trusted for `upstream`. As with a profile.",
                    [](Gateway& g, const Value& v) { return take_path(v, g.ca_file); },
                    [](const Gateway& g) { return Value(text_of(g.ca_file)); }},
    Option<Gateway>{"client_id", Type::text, "a text", R"("fob")",
                    "The client id that apps are configured with. It stands for nothing.",
                    [](Gateway& g, const Value& v) { return take_checked(v, check_pair_part, g.client_id); },
                    [](const Gateway& g) { return Value(g.client_id); }},
    Option<Gateway>{
        "client_secret", Type::text, "a text", R"("fob")",
        "The secret that goes with it, and is none: every app may know it.",
        [](Gateway& g, const Value& v) { return take_checked(v, check_pair_part, g.client_secret); },
        [](const Gateway& g) { return Value(g.client_secret); }},
    Option<Gateway>{"origins", Type::list, R"(["https://app.example", …])", "",
                    "Web pages of these origins may use it, and no others.",
                    [](Gateway& g, const Value& v) { return take_each(v, check_origin, g.origins); },
                    [](const Gateway& g) { return Value(g.origins); }},
    Option<Gateway>{"users", Type::list, R"(["xr", …])", "",
                    "Processes of these users (names or numbers) may connect, and no others. Required.",
                    [](Gateway& g, const Value& v) { return take_each(v, check_user, g.users); },
                    [](const Gateway& g) { return Value(g.users); }},
    Option<Gateway>{"routes", Type::list, R"(["POST /v1/vps/map/query-form", "GET /v1/vps/map/*", …])", "",
                    "What is passed on: `*` stands for one part of the path, `**` at its end for any number.",
                    [](Gateway& g, const Value& v) { return take_each(v, check_route, g.routes); },
                    [](const Gateway& g) { return Value(g.routes); }},
};

}  // namespace

std::span<const Option<Daemon>> daemon_options() { return k_daemon_options; }
std::span<const Option<Fleet>> fleet_options() { return k_fleet_options; }
std::span<const Option<Profile>> profile_options() { return k_profile_options; }
std::span<const Option<Grant>> grant_options() { return k_grant_options; }
std::span<const Option<Gateway>> gateway_options() { return k_gateway_options; }

std::string_view to_string(StoreKind kind) {
  const auto found =
      std::find_if(k_stores.begin(), k_stores.end(), [&](const auto& w) { return w.value == kind; });
  return found == k_stores.end() ? ""sv : found->word;
}

}  // namespace fob::config
