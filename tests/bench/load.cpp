// The client of the servers that are compared: fobd, a bare echo, nginx. One of three modes: "kept", round
// trips on one connection; "fresh", a connection for each request; "many", how many requests a second when
// each of many connections has one under way.
#include "tests/bench/rounds.hpp"
#include "tests/bench/unix_stream.hpp"

#include <array>
#include <chrono>
#include <map>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace fob::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<Server> servers_of(const nlohmann::json& spec) {
  std::vector<Server> servers;
  for (const auto& one : spec.at("servers")) {
    servers.push_back(Server::from(one));
    learn(servers.back());
  }
  return servers;
}

nlohmann::json kept(const std::vector<Server>& servers, Length length) {
  std::vector<UniqueFd> connections;
  std::vector<Contender> contenders;
  for (const auto& server : servers) {
    connections.push_back(connect_to(server.socket));
    contenders.push_back({server.name, [fd = connections.back().get(), &server] { round_trip(fd, server); }});
  }
  return alternate(contenders, length);
}

nlohmann::json fresh(const std::vector<Server>& servers, Length length) {
  std::vector<Contender> contenders;
  for (const auto& server : servers)
    contenders.push_back({server.name, [&server] { connect_ask_close(server); }});
  return alternate(contenders, length);
}

// So many connections to one server, each with a request under way whenever the server has not answered yet.
class Crowd {
 public:
  Crowd(const Server& server, std::size_t connections)
      : server_(server), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < connections; ++i) {
      members_.push_back({connect_to(server.socket), 0});
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, members_.back().fd.get(), &event);
      ask(members_.back().fd.get(), server_);
    }
  }

  /// Answers a second. A quarter more goes before that and does not count: the server has just closed the
  /// connections of the round before.
  double rate(std::chrono::milliseconds duration) {
    count_for(duration / 4);
    return count_for(duration);
  }

 private:
  double count_for(std::chrono::milliseconds duration) {
    const auto begin = Clock::now();
    std::size_t answers = 0;
    while (Clock::now() - begin < duration) answers += take_answers();
    return static_cast<double>(answers) / std::chrono::duration<double>(Clock::now() - begin).count();
  }

  struct Member {
    UniqueFd fd;
    std::size_t received;  ///< of the answer under way
  };

  std::size_t take_answers() {
    std::array<epoll_event, 256> events;  // not initialised: the kernel does that
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    std::size_t answers = 0;
    for (int i = 0; i < count; ++i)
      answers += take_from(members_.at(events.at(static_cast<std::size_t>(i)).data.u64)) ? 1U : 0U;
    return answers;
  }

  // Whether the answer is complete; then the next request is under way.
  bool take_from(Member& member) {
    std::array<char, 16384> bytes;  // not initialised, as above
    const ssize_t size = ::recv(member.fd.get(), bytes.data(), bytes.size(), 0);
    if (size <= 0) throw std::runtime_error(server_.name + " closed a connection");
    member.received += static_cast<std::size_t>(size);
    if (member.received > server_.answer_size) throw std::runtime_error(server_.name + " answered too much");
    if (member.received < server_.answer_size) return false;
    member.received = 0;
    ask(member.fd.get(), server_);
    return true;
  }

  const Server& server_;
  UniqueFd epoll_;
  std::vector<Member> members_;
};

nlohmann::json many(const std::vector<Server>& servers, const nlohmann::json& spec) {
  const auto rounds = spec.at("rounds").get<std::size_t>();
  const auto connections = spec.at("connections").get<std::size_t>();
  const std::chrono::milliseconds duration(spec.at("milliseconds").get<int>());
  nlohmann::json result;
  for (std::size_t round = 0; round < rounds; ++round)
    for (const auto& server : servers)
      result[server.name].push_back(Crowd(server, connections).rate(duration));
  return result;
}

nlohmann::json load(const nlohmann::json& spec) {
  stay_on_core(spec.at("core").get<unsigned>());
  const auto servers = servers_of(spec);
  const auto mode = spec.at("mode").get<std::string>();
  if (mode == "kept") return kept(servers, Length::from(spec));
  if (mode == "fresh") return fresh(servers, Length::from(spec));
  if (mode == "many") return many(servers, spec);
  throw std::runtime_error("no such mode: " + mode);
}

}  // namespace
}  // namespace fob::bench

int main(int argc, char** argv) { return fob::bench::run_program(argc, argv, fob::bench::load); }
