#include "daemon/broker/helpers.hpp"

#include "daemon/broker/exchange_socket.hpp"
#include "daemon/broker/launcher.hpp"
#include "daemon/broker/promotion_socket.hpp"

#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

ExchangeProgram exchange_program(const config::Locations& at) {
  ExchangeProgram program;
  program.program = config::sibling_program("fob-exchange");
  program.arguments = {"--config",    at.config_file.string(), "--runtime-dir", at.runtime_dir.string(),
                       "--state-dir", at.state_dir.string()};
  return program;
}

PromotionProgram promotion_program(const config::Locations& at) {
  PromotionProgram program;
  program.program = config::sibling_program("fob");
  program.arguments = {"--config", at.config_file.string(), "--state-dir", at.state_dir.string()};
  return program;
}

WitnessProgram witness_program() {
  WitnessProgram program;
  program.words = {config::sibling_program("fob-witness").string()};
  return program;
}

// What the launcher may run, and nothing else: the witness and the exchanger as they are, and a promotion of
// some profile.
std::vector<LaunchForm> launch_forms(const config::Locations& at) {
  const auto exchange = exchange_program(at);
  const auto promotion = promotion_program(at);
  std::vector<LaunchForm> forms = {exactly(witness_program().words)};
  for (const auto& [program, arguments] :
       {std::pair(exchange.program, exchange.arguments), std::pair(promotion.program, promotion.arguments)}) {
    std::vector<std::string> words = {program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    forms.push_back(exactly(words));
  }
  using Kind = LaunchWord::Kind;
  auto& form = forms.back();
  for (const auto* word : {"credential", "promote"}) form.push_back({Kind::exact, word});
  form.push_back({Kind::profile_name, ""});
  form.push_back({Kind::exact, "--version"});
  form.push_back({Kind::number, ""});
  form.push_back({Kind::exact, "--if-untested"});
  return forms;
}

Exchange exchange_by(const asio::any_io_executor& executor, const config::Locations& at,
                     const Starter& start) {
  if (!start) return exchange_by_socket(executor, at.exchange_sockets());
  auto program = exchange_program(at);
  program.spawn = *start;
  return exchange_by_process(executor, std::move(program));
}

Promote promote_by(const asio::any_io_executor& executor, const config::Locations& at, const Starter& start) {
  if (!start) return promote_by_socket(executor, at.promotion_socket());
  auto program = promotion_program(at);
  program.spawn = *start;
  return promote_by_process(executor, std::move(program));
}

// Where /proc/PID/exe is looked at for the broker: by a unit's process with the right to do so, or by one of
// ours.
FactSources fact_sources(const asio::any_io_executor& executor, const config::Locations& at,
                         const Starter& start) {
  if (!start) return {witness_at(executor, at.witness_socket()), label_source()};
  WitnessProgram program = witness_program();
  program.spawn = *start;
  return {witness_by_process(executor, std::move(program)), label_source()};
}

}  // namespace

Result<Starter> make_starter(const config::Locations& at, bool units) {
  if (units) return Starter();
  const auto launcher = Launcher::start(launch_forms(at));
  if (!launcher) return launcher.error();
  return Starter([launcher = *launcher](const auto& words, int input, int output) {
    return launcher->spawn(words, input, output);
  });
}

Helpers helpers_by(const asio::any_io_executor& executor, const config::Locations& at, const Starter& start) {
  return {exchange_by(executor, at, start), promote_by(executor, at, start),
          fact_sources(executor, at, start)};
}

}  // namespace fob::broker
