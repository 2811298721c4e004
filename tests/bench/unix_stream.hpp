// A blocking client of a server on a Unix socket: what every benchmark over one sends and waits for. Trusts
// what it is told by the servers of the same benchmark; anything unexpected ends the run.
#pragma once

#include "ipc/base/unique_fd.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace fob::bench {

/// A server, and the one thing that is asked of it.
struct Server {
  std::string name;
  std::string socket;
  std::string request;
  std::string answer_begins;    ///< with this: the status line, or the request itself from an echo
  std::size_t answer_size = 0;  ///< learnt from the first answer (learn)

  /// From {"name", "socket", "request", "answer_begins"}. @throws what nlohmann::json throws
  static Server from(const nlohmann::json& spec);
};

/// @throws std::system_error
UniqueFd connect_to(const std::string& path);

/// Asks once, on a connection of its own, and keeps the size of the answer. @throws std::runtime_error
void learn(Server& server);

/// One request and its whole answer. @throws std::runtime_error where it is not what was learnt
void round_trip(int fd, const Server& server);

/// The same, on a connection of its own.
void connect_ask_close(const Server& server);

/// Sends the request. @throws std::system_error
void ask(int fd, const Server& server);

/// Keeps the calling thread, and the processes that it starts, on this core. @throws std::system_error
void stay_on_core(unsigned core);

}  // namespace fob::bench
