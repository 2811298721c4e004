#include "tests/bench/unix_stream.hpp"

#include <array>
#include <cerrno>
#include <sched.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace fob::bench {
namespace {

// More than any answer here has, so that one recv(2) gets all of it.
constexpr std::size_t k_answer_buffer = 16384;
constexpr std::string_view k_head_end = "\r\n\r\n";
constexpr std::string_view k_content_length = "\r\nContent-Length: ";

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::size_t receive(int fd, char* into, std::size_t room, const Server& server) {
  const ssize_t size = ::recv(fd, into, room, 0);
  if (size < 0) throw_errno(server.name + ": recv");
  if (size == 0) throw std::runtime_error(server.name + " closed the connection");
  return static_cast<std::size_t>(size);
}

// As the head says; an echo's has no Content-Length, and no body.
std::size_t size_by_head(const std::string& answer) {
  const std::size_t head = answer.find(k_head_end) + k_head_end.size();
  const std::size_t length = answer.find(k_content_length);
  return length < head ? head + std::stoul(answer.substr(length + k_content_length.size())) : head;
}

}  // namespace

Server Server::from(const nlohmann::json& spec) {
  Server server;
  server.name = spec.at("name").get<std::string>();
  server.socket = spec.at("socket").get<std::string>();
  server.request = spec.at("request").get<std::string>();
  server.answer_begins = spec.at("answer_begins").get<std::string>();
  return server;
}

UniqueFd connect_to(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw_errno("connect to " + path);
  return fd;
}

void ask(int fd, const Server& server) {
  const ssize_t sent = ::send(fd, server.request.data(), server.request.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(server.request.size())) throw_errno(server.name + ": send");
}

void learn(Server& server) {
  const UniqueFd fd = connect_to(server.socket);
  ask(fd.get(), server);
  std::string answer(k_answer_buffer, '\0');
  std::size_t size = 0;
  do size += receive(fd.get(), answer.data() + size, answer.size() - size, server);
  while (answer.find(k_head_end) == std::string::npos);
  answer.resize(size);
  if (!answer.starts_with(server.answer_begins))
    throw std::runtime_error(server.name + " answered " + answer);
  server.answer_size = size_by_head(answer);
}

void round_trip(int fd, const Server& server) {
  ask(fd, server);
  std::array<char, k_answer_buffer> answer;  // not initialised: that would cost more than some of the servers
  std::size_t size = 0;
  while (size < server.answer_size) size += receive(fd, answer.data() + size, answer.size() - size, server);
  const bool right = std::string_view(answer.data(), size).starts_with(server.answer_begins);
  if (size != server.answer_size || !right)
    throw std::runtime_error(server.name + " answered " + std::string(answer.data(), size));
}

void connect_ask_close(const Server& server) {
  const UniqueFd fd = connect_to(server.socket);
  round_trip(fd.get(), server);
}

void stay_on_core(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  if (::sched_setaffinity(0, sizeof cores, &cores) != 0) throw_errno("core " + std::to_string(core));
}

}  // namespace fob::bench
