// From TOML to Config. The files are root's on a device, but a slip in them must end in one clear line, so
// every error names file, line and key. toml++ does the parsing; which keys exist is the option table's to
// say.
#include "daemon/config/config.hpp"
#include "daemon/config/nearest.hpp"
#include "daemon/config/options.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/names.hpp"

// Header-only, so that no program links a library for a parser used once at its start.
// An assertion of the parser's must not end the daemon over a wrong file: it becomes an exception
// (docs/traps.md, 4).
struct NotToml {};
#define TOML_ASSERT(expectation)         \
  do {                                   \
    if (!(expectation)) throw NotToml(); \
  } while (false)
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wterminate"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fob::config {
namespace {

constexpr std::size_t k_max_file = 1024 * 1024;

// Where an error is: "fob.toml:12: profile.prod-query.endpoint: ".
class Place {
 public:
  Place(std::string_view file, std::string table) : file_(file), table_(std::move(table)) {}
  Error error(const toml::node& at, std::string_view key, const std::string& detail) const {
    const std::string dotted = table_.empty() ? std::string(key) : table_ + "." + std::string(key);
    return fail(ErrorCode::config, std::string(file_) + ":" + std::to_string(at.source().begin.line) + ": " +
                                       dotted + ": " + detail);
  }

 private:
  std::string_view file_;
  std::string table_;
};

std::string unknown_key(std::string_view key, const std::vector<std::string_view>& known) {
  if (const auto near = nearest(key, known)) return "unknown key; did you mean '" + std::string(*near) + "'?";
  std::string list;
  for (const auto name : known) list += (list.empty() ? "" : ", ") + std::string(name);
  return "unknown key; the keys here are " + list;
}

Result<Value> value_of(const toml::node& node, Type type, std::string_view form) {
  const Error wrong_type =
      fail(ErrorCode::config, "write " + std::string(form) + (type == Type::text ? ", in quotes" : ""));
  if (type == Type::text) {
    if (!node.is_string()) return wrong_type;
    return Value(node.as_string()->get());
  }
  if (!node.is_array()) return wrong_type;
  std::vector<std::string> list;
  for (const auto& element : *node.as_array()) {
    if (!element.is_string()) return wrong_type;
    list.push_back(element.as_string()->get());
  }
  return Value(std::move(list));
}

template <class T>
Result<void> take_table(const toml::table& table, std::span<const Option<T>> options, const Place& place,
                        T& target) {
  for (const auto& [key, node] : table) {
    const auto option =
        std::find_if(options.begin(), options.end(), [&k = key](const auto& o) { return o.key == k.str(); });
    if (option == options.end()) {
      std::vector<std::string_view> known;
      for (const auto& o : options) known.push_back(o.key);
      return place.error(node, key.str(), unknown_key(key.str(), known));
    }
    const auto value = value_of(node, option->type, option->form);
    if (!value) return place.error(node, key.str(), value.error().detail);
    if (const auto taken = option->take(target, *value); !taken)
      return place.error(node, key.str(), taken.error().detail);
  }
  return {};
}

void resolve(std::optional<std::filesystem::path>& path, const std::filesystem::path& directory) {
  if (path && path->is_relative()) path = directory / *path;
}

Result<void> take_profile(std::string_view name, const toml::node& node, std::string_view file,
                          const std::filesystem::path& directory, Config& config) {
  const Place place(file, "profile");
  if (!node.is_table()) return place.error(node, name, "write [profile." + std::string(name) + "]");
  if (!wire::is_profile_name(name))
    return place.error(node, name, "a profile's name is 1 to 64 letters, digits, '.', '_' or '-'");
  if (config.profiles.contains(std::string(name)))
    return place.error(node, name, "this profile is already configured");

  Profile profile;
  profile.name = name;
  const Place inside(file, "profile." + profile.name);
  if (auto taken = take_table<Profile>(*node.as_table(), profile_options(), inside, profile); !taken)
    return taken;
  if (profile.endpoint.empty()) {
    if (profile.authority == Authority::oauth2)
      return inside.error(node, "endpoint",
                          "an oauth2 profile needs one: the issuer's token endpoint, https://…");
    profile.endpoint = k_multiset_endpoint;
  }
  resolve(profile.ca_file, directory);
  config.profiles.emplace(profile.name, std::move(profile));
  return {};
}

Result<void> take_grant(const toml::node& node, std::string_view file, Config& config) {
  const Place place(file, "");
  if (!node.is_table()) return place.error(node, "grant", "write [[grant]], with doubled brackets");
  Grant grant;
  if (auto taken = take_table<Grant>(*node.as_table(), grant_options(), Place(file, "grant"), grant); !taken)
    return taken;
  if (grant.profiles.empty())
    return place.error(node, "grant", "name the profiles it grants: profiles = [\"…\"]");
  if (node.as_table()->size() == 1)
    return place.error(node, "grant",
                       "name at least one of user, group, exe, exe_sha256, unit, apparmor, selinux");
  config.grants.push_back(std::move(grant));
  return {};
}

Result<void> take_section(std::string_view section, const toml::node& node, std::string_view file,
                          const std::filesystem::path& directory, Config& config) {
  const Place place(file, "");
  if (section == "daemon") {
    if (!node.is_table()) return place.error(node, section, "write [daemon]");
    auto taken = take_table<Daemon>(*node.as_table(), daemon_options(), Place(file, "daemon"), config.daemon);
    resolve(config.daemon.vault_key, directory);
    return taken;
  }
  if (section == "profile") {
    if (!node.is_table()) return place.error(node, section, "write [profile.NAME]");
    for (const auto& [name, profile] : *node.as_table())
      if (auto taken = take_profile(name.str(), profile, file, directory, config); !taken) return taken;
    return {};
  }
  if (section == "grant") {
    if (!node.is_array()) return place.error(node, section, "write [[grant]], with doubled brackets");
    for (const auto& grant : *node.as_array())
      if (auto taken = take_grant(grant, file, config); !taken) return taken;
    return {};
  }
  return place.error(node, section, unknown_key(section, {"daemon", "profile", "grant"}));
}

// toml++ parses soundly with exceptions only: without them 3.3 runs on past some errors into its own
// assertions. They end here.
Result<toml::table> parse_toml(std::string_view text, std::string_view file) {
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::config, std::string(file) + ":" + std::to_string(error.source().begin.line) +
                                       ": " + std::string(error.description()));
  } catch (const NotToml&) {
    return fail(ErrorCode::config,
                std::string(file) + ": this is not TOML; look for a table or key without a name");
  }
}

Result<void> merge(std::string_view text, std::string_view file, const std::filesystem::path& directory,
                   Config& config) {
  auto parsed = parse_toml(text, file);
  if (!parsed) return parsed.error();
  for (const auto& [section, node] : *parsed)
    if (auto taken = take_section(section.str(), node, file, directory, config); !taken) return taken;
  return {};
}

Result<void> check_references(const Config& config, std::string_view file) {
  const auto missing = [&](std::string_view key, const std::string& profile) {
    return fail(ErrorCode::config,
                std::string(file) + ": " + std::string(key) + ": there is no [profile." + profile + "]");
  };
  const auto& standard = config.daemon.default_profile;
  if (standard && config.find(*standard) == nullptr) return missing("daemon.default_profile", *standard);
  for (const auto& grant : config.grants)
    for (const auto& profile : grant.profiles)
      if (config.find(profile) == nullptr) return missing("grant.profiles", profile);
  return {};
}

// Who can write the configuration decides where the secret is sent, so it must be root or us.
Result<void> check_writers(const struct stat& facts, const std::filesystem::path& file) {
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid())
    return fail(ErrorCode::config, file.string() + " belongs to user " + std::to_string(facts.st_uid) +
                                       ", who could redirect the credential; run: chown root " +
                                       file.string());
  const bool foreign_group = facts.st_gid != 0 && facts.st_gid != ::getegid();
  if ((facts.st_mode & S_IWOTH) != 0 || ((facts.st_mode & S_IWGRP) != 0 && foreign_group))
    return fail(ErrorCode::config, file.string() +
                                       " can be written by others, who could redirect the credential; run: "
                                       "chmod go-w " +
                                       file.string());
  return {};
}

// One descriptor for the check and for the reading, so that no other file can slip in between.
Result<std::string> read_checked(const std::filesystem::path& file) {
  // Without O_NONBLOCK, opening a FIFO would wait for a writer that may never come.
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    return fail(ErrorCode::config,
                with_errno(file.string()) + (missing ? "; write one, or name it with --config" : ""));
  }
  if (auto checked = check_writers(facts, file); !checked) return checked.error();
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::config, file.string() + " is not a regular file");
  return read_all(fd.get(), k_max_file, ErrorCode::config, file.string());
}

Result<std::vector<std::filesystem::path>> files_of(const std::filesystem::path& file) {
  std::vector<std::filesystem::path> files = {file};
  const auto parts = file.parent_path() / "fob.d";
  std::error_code error;
  for (std::filesystem::directory_iterator it(parts, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".toml") files.push_back(it->path());
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(ErrorCode::config, parts.string() + ": " + error.message());
  std::sort(files.begin() + 1, files.end());
  return files;
}

}  // namespace

Result<Config> parse(std::string_view text, std::string_view name, const std::filesystem::path& directory) {
  Config config;
  if (auto merged = merge(text, name, directory, config); !merged) return merged.error();
  if (auto checked = check_references(config, name); !checked) return checked.error();
  return config;
}

Result<Config> load(const std::filesystem::path& file) {
  const auto files = files_of(file);
  if (!files) return files.error();
  Config config;
  for (const auto& part : *files) {
    const auto text = read_checked(part);
    if (!text) return text.error();
    if (auto merged = merge(*text, part.string(), part.parent_path(), config); !merged) return merged.error();
  }
  if (auto checked = check_references(config, file.string()); !checked) return checked.error();
  return config;
}

}  // namespace fob::config
