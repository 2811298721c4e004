// What an operator may ask of fobd (design.md §4), as typed calls on control.sock. None of them carries a
// secret or a token.
#pragma once

#include "ipc/client/client.hpp"
#include "ipc/wire/event_stream.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace fob::client {

/// Failures are those of Client::demand(): fobd's own codes, or daemon_not_running and its like.
class ControlClient {
 public:
  ControlClient(std::filesystem::path control_socket, const Clock& clock);

  /// The document of GET /v1/status.
  Result<std::string> status() const;
  /// Blocks until the outcome is known: a new token is in force, or why there is none.
  Result<void> refresh(const std::string& profile) const;
  /// Has the configuration read again. ErrorCode::config where it is wrong and the old one stays in force.
  Result<void> reload() const;
  /// Tells fobd that the profile's credential was replaced or removed, and blocks until it is known what
  /// comes of it: a new token is in force, or why there is none.
  Result<void> credentials_changed(const std::string& profile) const;
  /// The document of GET /v1/explain; `target` is its path with the query.
  Result<std::string> explain(const std::string& target) const;
  /// The records that are kept, as the document of GET /v1/audit?follow=0.
  Result<std::string> audit() const;
  /// Hands over each record, those that are kept first, until `taken` says false. Fails with
  /// daemon_not_running where fobd ends; the caller may come again.
  Result<void> follow_audit(const std::function<bool(const wire::Event& record)>& taken) const;

 private:
  Client client_;
};

}  // namespace fob::client
