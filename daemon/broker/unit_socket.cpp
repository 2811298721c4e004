#include "daemon/broker/unit_socket.hpp"

#include "ipc/base/unique_fd.hpp"
#include "ipc/base/unix_address.hpp"
#include "ipc/transport/awaiting.hpp"

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sys/socket.h>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// An instance that has just ended is gone, and its socket listened to again, within a few milliseconds.
constexpr std::array k_pauses = {milliseconds(100), milliseconds(300)};

using Connection = std::variant<UniqueFd, NoUnit>;

NoUnit meaning_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return NoUnit::absent;
    case ECONNREFUSED:
      return NoUnit::deaf;
    case EACCES:
    case EPERM:
      return NoUnit::forbidden;
    case EAGAIN:
      return NoUnit::mute;  // more are waiting than systemd takes
    default:
      return NoUnit::unreachable;
  }
}

// By hand, since Asio takes EAGAIN for a connection under way, and its synchronous connect would wait.
Connection connect_to(const std::filesystem::path& socket) {
  const auto address = unix_address(socket.native());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!address || !fd) return NoUnit::unreachable;
  if (connect_unix(fd.get(), *address) != 0) return meaning_of(errno);
  return fd;
}

bool is_mute(const UnitTalk& talk) {
  if (const auto* none = std::get_if<NoUnit>(&talk)) return *none == NoUnit::mute;
  const auto& known = std::get<Talk>(talk);
  return known.end == TalkEnd::cut_off && known.text.empty();
}

asio::awaitable<UnitTalk> ask_once(asio::any_io_executor executor, std::filesystem::path socket,
                                   std::string line, milliseconds patience, std::size_t limit) {
  auto connection = connect_to(socket);
  if (const auto* none = std::get_if<NoUnit>(&connection)) co_return *none;
  asio::local::stream_protocol::socket connected(executor, asio::local::stream_protocol(),
                                                 std::get<UniqueFd>(connection).release());
  auto talk = co_await converse(executor, std::move(connected), std::move(line), patience, limit);
  co_return std::move(talk);
}

}  // namespace

asio::awaitable<UnitTalk> ask_unit(asio::any_io_executor executor, std::filesystem::path socket,
                                   std::string line, milliseconds patience, std::size_t limit) {
  const auto deadline = steady_clock::now() + patience;
  for (const auto pause : k_pauses) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    auto talk = co_await ask_once(executor, socket, line, left, limit);
    if (!is_mute(talk)) co_return std::move(talk);
    asio::steady_timer again(executor, pause);
    co_await again.async_wait(transport::k_tuple);
  }
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
  auto talk = co_await ask_once(executor, socket, line, left, limit);
  if (is_mute(talk)) co_return NoUnit::mute;
  co_return std::move(talk);
}

}  // namespace fob::broker
