// How the broker learns which program a process runs: it asks fob-witness, since it may not look at other
// users' processes itself. A witness that is away, slow or wrong costs a fact, never a request: what cannot
// be told says why.
#pragma once

#include "daemon/broker/child_process.hpp"
#include "ipc/base/unique_fd.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/witness_line.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fob::broker {

using PidfdPtr = std::shared_ptr<const UniqueFd>;

/// Asks about a process, which is not null; the seam between judgement and whoever may look. The answer has
/// each fact that was asked for.
using Witness = std::function<boost::asio::awaitable<wire::WitnessAnswer>(PidfdPtr, wire::WitnessQuestion)>;

/// Knows nothing.
boost::asio::awaitable<wire::WitnessAnswer> no_witness(PidfdPtr pidfd, wire::WitnessQuestion question);

/// A Witness that listens at `socket`: each question has a connection of its own, so none waits for another.
Witness witness_at(boost::asio::any_io_executor executor, std::filesystem::path socket,
                   std::chrono::milliseconds deadline = wire::k_witness_deadline);

struct WitnessProgram {
  std::vector<std::string> words;  ///< the program's path and its arguments
  std::chrono::milliseconds deadline = wire::k_witness_deadline;
  std::chrono::milliseconds rest{1000};  ///< after one that failed, before the next is started
  Spawn spawn = broker::spawn;
};

/// A Witness that runs the program as this process's user, from the first question on, and anew where it
/// died. It takes one question at a time. Enough where all who ask are this user's.
Witness witness_by_process(boost::asio::any_io_executor executor, WitnessProgram program);

}  // namespace fob::broker
