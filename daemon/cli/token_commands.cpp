#include "daemon/cli/token_commands.hpp"

#include "daemon/cli/speech.hpp"
#include "ipc/base/file.hpp"
#include "ipc/client/app_client.hpp"
#include "ipc/wire/limits.hpp"

#include <cerrno>
#include <cstdlib>
#include <unistd.h>

namespace fob::cli {
namespace {

Result<client::TokenReply> ask_for_token(const std::optional<std::string>& profile,
                                         std::optional<std::chrono::milliseconds> min_ttl,
                                         const Context& context) {
  const client::AppClient fobd(context.daemon_locations().app_socket(), context.clock);
  return fobd.token({profile, min_ttl, wire::k_default_wait});
}

// What the program will find in its environment; false, with errno, where there is no memory for it.
bool set_environment(const client::TokenReply& reply, const std::string& socket) {
  return ::setenv("FOB_TOKEN", reply.answer.access_token.c_str(), 1) == 0 &&
         ::setenv("FOB_SOCKET", socket.c_str(), 1) == 0 &&
         ::setenv("FOB_PROFILE", reply.answer.profile.c_str(), 1) == 0;
}

}  // namespace

Result<int> print_token(const TokenOptions& options, const Context& context) {
  const auto reply = ask_for_token(options.profile, options.min_ttl, context);
  if (!reply) return reply.error();
  const std::string& token = reply->answer.access_token;
  const std::string line = options.form == TokenForm::json     ? reply->document
                           : options.form == TokenForm::header ? "Authorization: Bearer " + token
                                                               : token;
  if (auto printed = print(line + "\n"); !printed) return printed.error();
  return 0;
}

Result<int> exec_with_token(const ExecOptions& options, const Context& context) {
  const auto reply = ask_for_token(options.profile, std::nullopt, context);
  if (!reply) return reply.error();
  if (!set_environment(*reply, context.daemon_locations().app_socket().string()))
    return fail(ErrorCode::internal, with_errno("cannot set FOB_TOKEN"));

  std::vector<std::string> words = options.command;
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  constexpr int k_not_found = 127, k_cannot_run = 126;
  const int status = errno == ENOENT ? k_not_found : k_cannot_run;
  say(with_errno("cannot run " + words[0]));
  return status;
}

}  // namespace fob::cli
