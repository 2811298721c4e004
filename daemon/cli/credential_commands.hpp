// fob credential …: enrol, rotate, look, go back, remove. Works on the store itself, with the operator's
// rights; fobd is only told that something changed.
#pragma once

#include "daemon/cli/context.hpp"
#include "daemon/cli/enrolment.hpp"

#include <optional>
#include <string>

namespace fob::cli {

struct EnrolmentOptions {
  std::string profile;
  std::optional<std::string> file;  ///< "-" or nothing: stdin, or the terminal
  bool with_trial = true;
};

Result<int> enrol_credential(Purpose purpose, const EnrolmentOptions& options, const Context& context);
Result<int> list_credentials(bool as_json, const Context& context);
Result<int> roll_back_credential(const std::string& profile, const Context& context);
Result<int> remove_credential(const std::string& profile, const Context& context);

}  // namespace fob::cli
