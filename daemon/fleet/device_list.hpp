// The devices file: the enrol lines of a fleet, one a line, as an operator gathers them (`cat *.enrol`).
// Blank lines and comments (#) are skipped. It is read as it comes, and what is kept of a device is some 60
// bytes and its name, so that a million of them fit anywhere.
#pragma once

#include "daemon/fleet/key_text.hpp"
#include "ipc/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace fob::fleet {

/// The devices, in the order of their X25519 keys, which is a bundle's. No two have the same name or key.
class DeviceList {
 public:
  std::size_t size() const { return rows_.size(); }
  std::string_view id(std::size_t device) const;
  const PublicKey& box_key(std::size_t device) const { return rows_[device].box_key; }
  /// The line of the file that (first) enrols it.
  std::size_t line(std::size_t device) const { return rows_[device].line; }

 private:
  friend class DeviceListReader;
  struct Row {
    PublicKey box_key;
    std::uint64_t sign_mark;  // the first bytes of the Ed25519 key: to tell two keys of one name apart
    std::uint32_t line;
    std::uint32_t id_start;
    std::uint8_t id_size;
  };
  std::vector<Row> rows_;
  std::string ids_;  // one behind the other
};

/// Reads a devices file in pieces of any size.
class DeviceListReader {
 public:
  /// `name` is what to call the file in an error.
  explicit DeviceListReader(std::string name) : name_(std::move(name)) {}

  /// Takes the next piece. Fails with bad_request and the line's number; then the reader is of no more use.
  Result<void> feed(std::string_view piece);
  /// The file has ended. Fails with bad_request: no device, one name with two keys, one key with two names.
  Result<DeviceList> finish();

 private:
  Result<void> take_line(std::string_view line);
  Error at(std::size_t line, const std::string& what) const;
  Result<void> drop_repeated();
  Result<void> order_by_key();

  std::string name_;
  std::string pending_;  // the beginning of a line
  std::size_t line_ = 0;
  DeviceList list_;
};

/// Reads the devices file at `path`. Fails with usage (it cannot be read) or bad_request.
Result<DeviceList> read_device_list(const std::filesystem::path& path);

}  // namespace fob::fleet
