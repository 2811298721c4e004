#include "daemon/core/failure_policy.hpp"

#include <algorithm>
#include <array>

namespace fob::core {
namespace {

struct PolicyRow {
  ErrorCode kind;
  FailurePolicy policy;
};

using enum ErrorCode;

// person, network, clock, shared, any credential, refused.
// A captive portal shows as bad-answer, tls or unreachable. An authority may also answer nonsense to one
// credential alone, so of these bad-answer says nothing about another.
constexpr std::array k_policies = {
    PolicyRow{no_credential, {true, false, false, false, false, false}},
    PolicyRow{rejected, {true, false, false, false, false, true}},
    PolicyRow{forbidden, {true, false, false, false, false, true}},
    PolicyRow{config, {true, false, false, false, false, false}},
    PolicyRow{rate_limited, {false, false, false, true, true, false}},
    PolicyRow{unreachable, {false, true, false, true, true, false}},
    PolicyRow{timeout, {false, true, false, true, true, false}},
    PolicyRow{tls, {false, true, true, true, true, false}},
    PolicyRow{clock_wrong, {false, false, true, false, true, false}},
    PolicyRow{bad_answer, {false, true, false, true, false, false}},
    PolicyRow{store_locked, {false, false, false, false, false, false}},
};

// A fault of fob's own: tried again like anything that may pass.
constexpr FailurePolicy k_other = {false, false, false, false, false, false};

}  // namespace

FailurePolicy policy_of(ErrorCode kind) {
  const auto row =
      std::find_if(k_policies.begin(), k_policies.end(), [&](const PolicyRow& r) { return r.kind == kind; });
  return row == k_policies.end() ? k_other : row->policy;
}

bool ends_wait(Change change, ErrorCode kind) {
  const FailurePolicy policy = policy_of(kind);
  switch (change) {
    case Change::network_up:
      return policy.ended_by_network;
    case Change::clock_set:
      return policy.ended_by_clock;
    case Change::resumed:
      // A night has gone by: both the network and the clock may be others.
      return policy.ended_by_network || policy.ended_by_clock;
  }
  return false;
}

}  // namespace fob::core
