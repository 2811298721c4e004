// The credentials that go into a bundle: one for all devices, or a table (CSV) with one for each. The table
// lies in one piece of wiped memory, and everything else looks into it. No error shows any of its values but
// device names.
#pragma once

#include "daemon/fleet/device_list.hpp"
#include "daemon/fleet/payload.hpp"
#include "ipc/base/result.hpp"
#include "ipc/base/secret_bytes.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::fleet {

class Credentials {
 public:
  /// The same for every device. Fails with bad_request where a value is not fit to be sent.
  static Result<Credentials> for_all(std::string client_id, SecretBytes client_secret);
  /// One a line: device,client_id,client_secret. A first line of these names, blank lines, CRLF and a byte
  /// order mark are no hindrance; quotes are refused. `name` is what to call the table in an error. Fails
  /// with bad_request and the line's number.
  static Result<Credentials> from_table(SecretBytes csv, std::string_view name);

  /// The device's credential; nothing if the table has no line for it.
  std::optional<CredentialView> of(std::string_view device) const;
  /// Fails with bad_request, the first few names and the number of `devices` that have none.
  Result<void> cover(const DeviceList& devices) const;
  /// How many lines the table has; 0 with one credential for all.
  std::size_t lines() const { return rows_.size(); }

 private:
  struct Row {
    std::string_view device;
    CredentialView credential;
    std::size_t line = 0;
  };

  SecretBytes text_;  // the table, or the one secret
  std::string client_id_;
  std::vector<Row> rows_;  // by device
};

/// Reads the table at `path`. That nobody else can read that file is for the caller to check. Fails with
/// usage (it cannot be read, or is too large) or as from_table() does.
Result<Credentials> read_credential_table(const std::filesystem::path& path);

}  // namespace fob::fleet
