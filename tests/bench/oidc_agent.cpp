// An access token that oidc-agent has at hand, through its C API, beside one from fobd over a new connection.
// Both agents have been asked before, so that neither has to ask anybody.
#include "tests/bench/rounds.hpp"
#include "tests/bench/unix_stream.hpp"

#include <stdexcept>

extern "C" {
#include <oidc-agent/api.h>
}

namespace fob::bench {
namespace {

// Asks for any token that lives: the least that oidc-agent can be asked for.
void ask_agent(const std::string& account) {
  agent_response response = getAgentTokenResponse(account.c_str(), 0, nullptr, "bench", nullptr);
  const bool token = response.type == AGENT_RESPONSE_TYPE_TOKEN;
  secFreeAgentResponse(response);
  if (!token) throw std::runtime_error("oidc-agent has no token");
}

nlohmann::json compare(const nlohmann::json& spec) {
  stay_on_core(spec.at("core").get<unsigned>());
  auto server = Server::from(spec.at("fob"));
  learn(server);
  const auto account = spec.at("account").get<std::string>();
  return alternate(
      {{"fob", [&server] { connect_ask_close(server); }}, {"oidc-agent", [&account] { ask_agent(account); }}},
      Length::from(spec));
}

}  // namespace
}  // namespace fob::bench

int main(int argc, char** argv) { return fob::bench::run_program(argc, argv, fob::bench::compare); }
