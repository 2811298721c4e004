// The sandbox on the network: HTTP/1.1 on loopback, plain or TLS, hundreds of connections on one thread. The
// only part that knows sockets, so the only one that a fault such as a reset needs. Everything that arrives
// is hostile and bounded here: head, body, and the time each may take.
#pragma once

#include "tests/authority/certificates.hpp"
#include "tests/authority/sandbox.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace fob::authority {

class Server {
 public:
  /// Listens on 127.0.0.1, and on ::1 where there is one; port 0 picks one that is free on both. Speaks TLS
  /// if it is given an identity. Throws std::runtime_error if it cannot listen. `sandbox` must
  /// outlive the server.
  Server(Sandbox& sandbox, std::uint16_t port, const std::optional<TlsIdentity>& identity);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  std::uint16_t port() const;
  /// Serves until SIGTERM or SIGINT, which are caught from construction on.
  void run();

 private:
  class Listening;
  std::unique_ptr<Listening> listening_;
};

}  // namespace fob::authority
