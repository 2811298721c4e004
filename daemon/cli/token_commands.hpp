// fob token, fob exec: the commands that hand out a token, and only as asked.
#pragma once

#include "daemon/cli/context.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace fob::cli {

enum class TokenForm { bare, json, header };

struct TokenOptions {
  std::optional<std::string> profile;  ///< nothing: fobd chooses
  std::optional<std::chrono::milliseconds> min_ttl;
  TokenForm form = TokenForm::bare;
};

Result<int> print_token(const TokenOptions& options, const Context& context);

struct ExecOptions {
  std::optional<std::string> profile;  ///< nothing: fobd chooses
  std::vector<std::string> command;    ///< the program and its arguments; never empty
};

/// Becomes the command, with FOB_TOKEN, FOB_SOCKET and FOB_PROFILE in its environment. Returns only where
/// that fails: 127 if there is no such program, 126 if it cannot be run, as env(1) does.
Result<int> exec_with_token(const ExecOptions& options, const Context& context);

}  // namespace fob::cli
