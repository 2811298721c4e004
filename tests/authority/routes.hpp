// The four groups of routes, each a function from a request to its answer. What they work on is the World;
// who calls them is sandbox.cpp, which has decided by the path whose turn it is.
#pragma once

#include "ipc/base/clock.hpp"
#include "tests/authority/account.hpp"
#include "tests/authority/faults.hpp"
#include "tests/authority/http.hpp"
#include "tests/authority/settings.hpp"
#include "tests/authority/shown_once.hpp"
#include "tests/authority/stats.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fob::authority {

struct World {
  Account account;
  Settings settings;
  Stats stats;
  std::optional<Fault> fault;
  ShownOnce shown_once;
};

// A token request is a few hundred bytes and an admin's a list of domains at most.
inline constexpr std::size_t k_max_small_body = 64 * 1024;

/// A path held against a pattern such as `/v1/vps/map/{}`: what stands in the holes, or nothing if it does
/// not fit.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path);

/// What a table of routes has for a request: a row, or the methods that its path would take ("" if the path
/// is unknown).
template <class Row>
struct Found {
  const Row* row = nullptr;
  std::vector<std::string> holes;
  std::string allowed;
};

template <class Table>
auto find_route(const Table& table, std::string_view method, std::string_view path) {
  Found<typename Table::value_type> found;
  for (const auto& row : table) {
    auto holes = match(row.pattern, path);
    if (!holes) continue;
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(row.method);
    if (found.row == nullptr && row.method == method) {
      found.row = &row;
      found.holes = std::move(*holes);
    }
  }
  return found;
}

bool is_token_path(std::string_view path);
bool is_api_path(std::string_view path);
bool is_portal_path(std::string_view path);

/// `POST /v1/m2m/token` and `POST /oauth/token`. `fault` may change the expiry.
Response answer_token(World& world, const Request& request, WallTime now, const std::optional<Fault>& fault);
Response answer_api(World& world, const Request& request, WallTime now);
Response answer_admin(World& world, const Request& request, WallTime now);
Response answer_portal(World& world, const Request& request, WallTime now);

/// The answer to a preflight (Fetch §3.2.2) from an origin of the account's list; 403 to any other.
Response answer_preflight(const Account& account, const Request& request);
/// Lets pages of an allowed origin read the answer.
void allow_origin(const Account& account, const Request& request, Response& response);

}  // namespace fob::authority
