// Where a new credential comes from: a file, stdin, or a person at the terminal. Never from an argument or
// the environment, which other processes can read.
#pragma once

#include "daemon/store/credential_store.hpp"

#include <functional>
#include <optional>
#include <string>

namespace fob::cli {

/// Reads one from `file`, or from stdin where `file` is "-" or nothing; where stdin is a terminal, the person
/// there is asked. A file that others can read is read, and `say` warns of it. Fails with usage (cannot be
/// read) or bad_request (holds no credential).
Result<store::Credential> obtain_credential(const std::optional<std::string>& file,
                                            const std::string& profile,
                                            const std::function<void(const std::string&)>& say);

}  // namespace fob::cli
