// Why a process may or may not have a profile, in one document: GET /v1/explain. Either of a living process,
// as it would be judged if it connected now, or of one that an operator describes in a grant's own words.
#pragma once

#include "daemon/broker/broker.hpp"
#include "ipc/base/result.hpp"
#include "ipc/wire/app_messages.hpp"
#include "ipc/wire/json.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace fob::broker {

/// `pid=N` or `as=user=xr,unit=localizer.service`, and perhaps `profile=P`.
struct ExplainQuery {
  std::optional<pid_t> pid;  ///< else the description
  std::vector<std::pair<core::Selector, std::string>> description;
  std::optional<std::string> profile;  ///< else every one
};

Result<ExplainQuery> decode_explain_query(const wire::Target& target);

/// All facts there are of it, with names. Fails with not_found where there is no such process, and
/// bad_request where a description makes no sense here. `own_manager` as Broker has it.
boost::asio::awaitable<Result<core::PeerFacts>> facts_asked_for(ExplainQuery query, FactSources sources,
                                                                std::optional<std::string> own_manager);

/// See ipc/PROTOCOL.md.
wire::Json explanation(const ExplainQuery& query, const core::PeerFacts& facts, const Broker& broker);

}  // namespace fob::broker
