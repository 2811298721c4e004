// fob credential …: enrol, rotate, promote, go back, move, look, remove. Works on the store itself, with the
// operator's rights; fobd is only told that something changed.
#pragma once

#include "daemon/cli/context.hpp"
#include "daemon/cli/enrolment.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace fob::cli {

struct EnrolmentOptions {
  std::string profile;
  std::optional<std::string> file;  ///< "-" or nothing: stdin, or the terminal
  bool with_trial = true;
};

Result<int> enrol_credential(Purpose purpose, const EnrolmentOptions& options, const Context& context);
/// `to` is a store's name as in fob.toml.
Result<int> migrate_credential(const std::string& profile, const std::string& to, const Context& context);
/// Puts what is staged in force. With `untested_version`, as fobd asks for it: see promote_if_untested().
Result<int> promote_credential(const std::string& profile,
                               const std::optional<std::uint64_t>& untested_version, const Context& context);
Result<int> list_credentials(bool as_json, const Context& context);
Result<int> roll_back_credential(const std::string& profile, const Context& context);
/// `even_unread`: also what cannot be read now.
Result<int> remove_credential(const std::string& profile, bool even_unread, const Context& context);

}  // namespace fob::cli
