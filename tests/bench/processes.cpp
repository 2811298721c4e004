// Whole processes, timed from their start to their end: what a script or a service pays that calls a program.
// Each has a socket as its input and output, as fobd gives its exchanger one.
#include "tests/bench/rounds.hpp"
#include "tests/bench/unix_stream.hpp"

#include <array>
#include <spawn.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace fob::bench {
namespace {

struct Command {
  std::string name;
  std::vector<std::string> words;
  std::string input;       ///< written before its output is read
  std::string output_has;  ///< what tells that it worked
};

Command command_from(const nlohmann::json& spec) {
  Command command;
  command.name = spec.at("name").get<std::string>();
  command.words = spec.at("words").get<std::vector<std::string>>();
  command.input = spec.value("input", "");
  command.output_has = spec.at("output_has").get<std::string>();
  return command;
}

std::pair<UniqueFd, UniqueFd> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::runtime_error("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

pid_t start(const Command& command, int stream) {
  std::vector<char*> words;
  for (const auto& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, stream, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, stream, STDOUT_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, words.front(), &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + command.words.front());
  return child;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> bytes{};
  for (ssize_t size = 0; (size = ::read(fd, bytes.data(), bytes.size())) > 0;)
    text.append(bytes.data(), static_cast<std::size_t>(size));
  return text;
}

void run(const Command& command) {
  auto [ours, theirs] = socket_pair();
  const pid_t child = start(command, theirs.get());
  theirs.reset();
  const auto size = static_cast<ssize_t>(command.input.size());
  const bool told =
      size == 0 || ::send(ours.get(), command.input.data(), command.input.size(), MSG_NOSIGNAL) == size;
  const std::string output = read_all(ours.get());
  int status = 0;
  const bool ended = ::waitpid(child, &status, 0) == child && status == 0;
  if (!told || !ended || output.find(command.output_has) == std::string::npos)
    throw std::runtime_error(command.name + " failed: " + output);
}

nlohmann::json processes(const nlohmann::json& spec) {
  stay_on_core(spec.at("core").get<unsigned>());
  std::vector<Command> commands;
  for (const auto& one : spec.at("commands")) commands.push_back(command_from(one));
  std::vector<Contender> contenders;
  for (const auto& command : commands) contenders.push_back({command.name, [&command] { run(command); }});
  return alternate(contenders, Length::from(spec));
}

}  // namespace
}  // namespace fob::bench

int main(int argc, char** argv) { return fob::bench::run_program(argc, argv, fob::bench::processes); }
