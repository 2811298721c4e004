#include "daemon/fleet/credentials.hpp"

#include "daemon/fleet/identity.hpp"
#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/text_input.hpp"
#include "daemon/fleet/wrong.hpp"
#include "ipc/base/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace fob::fleet {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t k_fields = 3;
constexpr std::size_t k_names_in_an_error = 5;

using Fields = std::array<std::string_view, k_fields>;

Result<Fields> fields_of(std::string_view line) {
  if (line.find('"') != std::string_view::npos)
    return wrong("quotes are not read here; write the three values bare: device,client_id,client_secret");
  Fields fields;
  for (std::size_t i = 0; i < k_fields; ++i) {
    const auto comma = line.find(',');
    if ((comma == std::string_view::npos) != (i == k_fields - 1))
      return wrong("it must hold three values: device,client_id,client_secret");
    fields[i] = trimmed(line.substr(0, comma));
    line.remove_prefix(std::min(comma, line.size() - 1) + 1);
  }
  return fields;
}

}  // namespace

Result<Credentials> Credentials::for_all(std::string client_id, SecretBytes client_secret) {
  if (auto fault = fault_of(CredentialView{client_id, client_secret.reveal()})) return wrong(*fault);
  Credentials credentials;
  credentials.client_id_ = std::move(client_id);
  credentials.text_ = std::move(client_secret);
  return credentials;
}

Result<Credentials> Credentials::from_table(SecretBytes csv, std::string_view name) {
  const auto at = [&](std::size_t line, const std::string& what) {
    return wrong(std::string(name) + ", line " + std::to_string(line) + ": " + what);
  };
  Credentials credentials;
  credentials.text_ = std::move(csv);
  std::string_view text = credentials.text_.reveal();
  if (text.starts_with("\xef\xbb\xbf"sv)) text.remove_prefix(3);

  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || (credentials.rows_.empty() && line == "device,client_id,client_secret")) continue;
    const auto fields = fields_of(line);
    if (!fields) return at(number, fields.error().detail);
    const auto& [device, client_id, client_secret] = *fields;
    if (!is_device_id(device)) return at(number, "the first value is no device's name");
    const CredentialView credential{client_id, client_secret};
    if (const auto fault = fault_of(credential)) return at(number, *fault);
    credentials.rows_.push_back({device, credential, number});
  }

  auto& rows = credentials.rows_;
  if (rows.empty()) return wrong(std::string(name) + " holds no credential");
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.device, a.line) < std::tie(b.device, b.line);
  });
  const auto twice = std::adjacent_find(rows.begin(), rows.end(),
                                        [](const Row& a, const Row& b) { return a.device == b.device; });
  if (twice != rows.end())
    return wrong(std::string(name) + ", lines " + std::to_string(twice->line) + " and " +
                 std::to_string((twice + 1)->line) + ": two credentials for " + std::string(twice->device));
  return credentials;
}

std::optional<CredentialView> Credentials::of(std::string_view device) const {
  if (rows_.empty()) return CredentialView{client_id_, text_.reveal()};
  const auto row = std::lower_bound(rows_.begin(), rows_.end(), device,
                                    [](const Row& r, std::string_view name) { return r.device < name; });
  if (row == rows_.end() || row->device != device) return std::nullopt;
  return row->credential;
}

Result<void> Credentials::cover(const DeviceList& devices) const {
  std::string names;
  std::size_t missing = 0;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (of(devices.id(i))) continue;
    if (++missing <= k_names_in_an_error) names += (missing == 1 ? "" : ", ") + std::string(devices.id(i));
  }
  if (missing == 0) return {};
  if (missing > k_names_in_an_error)
    names += " and " + std::to_string(missing - k_names_in_an_error) + " more";
  return wrong(std::to_string(missing) + " of " + std::to_string(devices.size()) +
               " devices have no line in the table of credentials: " + names);
}

Result<Credentials> read_credential_table(const std::filesystem::path& path) {
  const std::string name = path.string();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return fail(ErrorCode::usage, with_errno("cannot read " + name));
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::usage, name + " is not a regular file");
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (size > k_max_credential_table)
    return fail(ErrorCode::usage,
                name + " is larger than the " + std::to_string(k_max_credential_table) + " bytes allowed");
  SecretBytes text(static_cast<std::size_t>(size));
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::read(fd.get(), text.bytes().data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::usage, with_errno("cannot read " + name));
    if (n == 0) return fail(ErrorCode::usage, name + " became shorter while it was read; try again");
    done += static_cast<std::size_t>(n);
  }
  return Credentials::from_table(std::move(text), name);
}

}  // namespace fob::fleet
