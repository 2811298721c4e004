// The facts that grants are judged by. Credentials, groups and label are those of connect(2). Unit and
// program are the process's own of this moment, read through its pidfd, and looked at only where a grant in
// force could turn on them: a process that has ended has neither.
#pragma once

#include "daemon/broker/acquaintance.hpp"
#include "daemon/broker/witness_client.hpp"
#include "daemon/core/peer_facts.hpp"
#include "daemon/core/policy.hpp"
#include "ipc/base/result.hpp"
#include "ipc/transport/peer.hpp"

#include <boost/asio/awaitable.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <sys/types.h>

namespace fob::broker {

/// Where facts come from, beside the socket. Seams for tests.
struct FactSources {
  Witness witness = no_witness;
  core::LabelSource labels = core::LabelSource::none;
};

/// Whose labels the kernel gives to processes; `sys` is where sysfs is.
core::LabelSource label_source(const std::filesystem::path& sys = "/sys");

/// What is known of a peer since it connected.
core::PeerFacts facts_at_accept(const transport::Peer& peer, core::LabelSource labels);

/// Which systemd unit a process belongs to.
core::Fact unit_of(int pidfd);

/// The same facts, without those that only a living process has, if it has ended.
core::PeerFacts facts_by_now(core::PeerFacts facts, const transport::Peer& peer);

/// Whether a grant in force turns on a fact; asked again after every step, since each answer may settle it.
using Asks = std::function<bool(core::Selector, const core::PeerFacts&)>;

/// All that could matter for this request. `acquaintance` may be null: then nobody has met before.
boost::asio::awaitable<core::PeerFacts> gather_facts(FactSources sources, transport::Peer peer,
                                                     std::shared_ptr<Acquaintance> acquaintance, Asks asks);

/// A process as it would be seen if it connected now. Fails with ErrorCode::not_found where there is
/// none of this pid, or fobd may not see it.
Result<transport::Peer> peer_by_pid(pid_t pid, core::LabelSource labels);

/// The names of its user and group, for showing. Reads the system's databases.
void add_names(core::PeerFacts& facts);

}  // namespace fob::broker
