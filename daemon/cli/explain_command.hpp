// fob explain: why a process may or may not have a profile, on one screen.
#pragma once

#include "daemon/cli/context.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fob::cli {

struct ExplainOptions {
  std::optional<std::int64_t> pid;
  std::optional<std::string> as;  ///< "user=xr,unit=localizer.service", in place of a pid
  std::optional<std::string> profile;
  bool json = false;
};

/// Asks fobd, and prints what it says. 0 whatever the decision is.
Result<int> explain_grants(const ExplainOptions& options, const Context& context);

/// The document of GET /v1/explain for people. Fails with ErrorCode::internal where it is none.
Result<std::string> explain_screen(std::string_view document, bool coloured);

}  // namespace fob::cli
