// Where a credential may be sent: https anywhere, http on this machine's loopback only (design.md §6).
#pragma once

#include "ipc/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace fob::config {

/// "localhost", 127.0.0.0/8 or ::1 (with or without brackets), taken literally: no name is looked up.
bool is_loopback_host(std::string_view host);

/// Fails with ErrorCode::config, saying what is wrong with `url` and what would be right.
Result<void> check_endpoint(std::string_view url);

/// Fails with ErrorCode::config unless `url` is http://… or https://… or socks5h://… with a host.
Result<void> check_proxy(std::string_view url);

/// The TCP port of a URL that check_endpoint() or check_proxy() let through: what it says, or its scheme's.
std::uint16_t port_of(std::string_view url);

/// Its host, for showing; all of `url` where it is no URL.
std::string host_of(std::string_view url);

/// `url` with its user and password replaced by "***".
std::string without_password(std::string_view url);

}  // namespace fob::config
