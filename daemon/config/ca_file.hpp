// The CAs that a profile or a gateway trusts instead of the system's.
#pragma once

#include "ipc/base/result.hpp"

#include <filesystem>
#include <string>

namespace fob::config {

/// What `file` holds. Whoever can write it can stand in for the authority, so it is read as the configuration is:
/// fails with ErrorCode::config where others can write it, and where it is larger than any bundle of CAs.
Result<std::string> read_ca_file(const std::filesystem::path& file);

}  // namespace fob::config
