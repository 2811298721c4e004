#include "daemon/cli/watch_command.hpp"

#include "daemon/cli/across_restarts.hpp"
#include "daemon/cli/speech.hpp"
#include "ipc/client/app_client.hpp"
#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <chrono>

namespace fob::cli {
namespace {

using wire::Json;

std::string in_words(const Json& event, const char* name) {
  return cli::in_words(std::chrono::seconds(wire::integer_member(event, name).value_or(0)));
}

std::string line_of(const std::string& name, const Json& event, bool coloured) {
  if (name == "token")
    return painted("token " + wire::shown_member(event, "fingerprint"), Colour::good, coloured) +
           ", valid for " + in_words(event, "expires_in");
  if (name == "revoked")
    return painted("revoked", Colour::bad, coloured) + ": this process may not have it any more";
  std::string line = painted("no token", Colour::bad, coloured) + ": " + wire::shown_member(event, "detail");
  if (event.contains("retry_after")) line += "; next attempt in " + in_words(event, "retry_after");
  return line;
}

std::string json_line(const std::string& at, const std::string& name, Json event) {
  event.erase("access_token");
  event.erase("token_type");
  Json line = {{"at", at}, {"event", name}};
  line.update(event);
  return wire::dump(line);
}

class Watch {
 public:
  Watch(const WatchOptions& options, const Context& context) : options_(options), context_(context) {}

  // False when there is nothing more to watch.
  bool take(const wire::Event& event) {
    auto data = wire::parse_object(event.data, wire::k_max_answer, ErrorCode::internal);
    if (!data) return true;
    revoked_ = event.name == "revoked";
    const std::string at = to_rfc3339(context_.clock.wall_now());
    const std::string name = wire::printable(event.name, 32);
    const std::string line = options_.json ? json_line(at, name, std::move(*data))
                                           : at + "  " + wire::shown_member(*data, "profile") + "  " +
                                                 line_of(name, *data, may_colour());
    printed_ = print(line + "\n");
    return printed_ && !revoked_;
  }

  bool revoked() const { return revoked_; }
  const Result<void>& printed() const { return printed_; }

 private:
  const WatchOptions& options_;
  const Context& context_;
  bool revoked_ = false;
  Result<void> printed_;
};

}  // namespace

Result<int> watch(const WatchOptions& options, const Context& context) {
  const client::AppClient fobd(context.daemon_locations().app_socket(), context.clock);
  Watch watch(options, context);
  const auto followed =
      follow_across_restarts([&](const TakeEvent& taken) { return fobd.follow(options.profile, taken); },
                             [&](const wire::Event& event) { return watch.take(event); });
  if (!watch.printed()) return watch.printed().error();
  if (watch.revoked()) return traits(ErrorCode::not_granted).exit_status;
  if (!followed) return followed.error();
  return 0;
}

}  // namespace fob::cli
