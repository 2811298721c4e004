#include "daemon/broker/peer_facts.hpp"

#include "daemon/broker/accounts.hpp"
#include "daemon/core/cgroup_unit.hpp"
#include "ipc/base/file.hpp"
#include "ipc/base/pidfd.hpp"
#include "ipc/transport/process_status.hpp"

#include <array>
#include <cerrno>
#include <utility>

namespace fob::broker {
namespace asio = boost::asio;

namespace {

using core::Fact;
using core::PeerFacts;
using core::Selector;

constexpr std::size_t k_max_status = 1024 * 1024;
constexpr std::size_t k_max_label = 4096;
constexpr std::string_view k_enforced = " (enforce)";
constexpr const char* k_ended = "the process has ended";
constexpr const char* k_changed =
    "it has become another program since it connected, or was moved; connect anew";

int number_of(const PidfdPtr& pidfd) { return pidfd ? pidfd->get() : -1; }

// A profile that only complains confines nobody, so of AppArmor's modes this one alone is left out.
Fact label_fact(const std::optional<std::string>& label, core::LabelSource source) {
  if (!label) return Fact::unknown("no security module of this device gives a label to it");
  std::string_view name = *label;
  if (source == core::LabelSource::apparmor && name.ends_with(k_enforced))
    name.remove_suffix(k_enforced.size());
  return Fact::known(std::string(name));
}

Fact to_fact(const std::optional<wire::Testimony>& testimony) {
  if (!testimony) return Fact::unknown("fob-witness did not tell");
  return testimony->value ? Fact::known(*testimony->value) : Fact::unknown(testimony->why_unknown);
}

void forget_living(PeerFacts& facts, const char* why) {
  for (Fact* fact : {&facts.unit, &facts.exe, &facts.exe_sha256})
    if (fact->looked_at()) *fact = Fact::unknown(why);
}

// Whether `now` is what was known of it first; what nobody has known yet is first known now.
bool is_as_before(Fact& first, const Fact& now) {
  if (!now.value()) return true;
  if (!first.value()) first = now;
  return first == now;
}

void compare_with_first(PeerFacts& facts, Acquaintance& acquaintance) {
  const bool same = is_as_before(acquaintance.unit, facts.unit) &&
                    is_as_before(acquaintance.exe, facts.exe) &&
                    is_as_before(acquaintance.exe_sha256, facts.exe_sha256);
  acquaintance.changed = acquaintance.changed || !same;
  if (acquaintance.changed) forget_living(facts, k_changed);
}

asio::awaitable<Fact> testimony(Witness witness, PidfdPtr pidfd, Selector selector) {
  if (!pidfd) co_return Fact::unknown(k_ended);
  const bool hash = selector == Selector::exe_sha256;
  wire::WitnessQuestion question;
  question.exe = !hash;
  question.exe_sha256 = hash;
  const auto answer = co_await witness(pidfd, question);
  co_return to_fact(hash ? answer.exe_sha256 : answer.exe);
}

std::optional<std::string> label_of(pid_t pid, core::LabelSource source) {
  const std::string attributes = "/proc/" + std::to_string(pid) + "/attr/";
  const auto text =
      read_file(attributes + (source == core::LabelSource::apparmor ? "apparmor/current" : "current"),
                k_max_label, ErrorCode::internal);
  if (!text) return std::nullopt;
  const auto end = text->find_last_not_of(std::string_view("\n\0", 2));
  if (end == text->npos) return std::nullopt;
  return text->substr(0, end + 1);
}

}  // namespace

core::LabelSource label_source(const std::filesystem::path& sys) {
  std::error_code ignored;
  const auto apparmor = read_file(sys / "module/apparmor/parameters/enabled", 16, ErrorCode::internal);
  if (apparmor && apparmor->starts_with("Y")) return core::LabelSource::apparmor;
  if (std::filesystem::exists(sys / "fs/selinux/enforce", ignored)) return core::LabelSource::selinux;
  return core::LabelSource::none;
}

PeerFacts facts_at_accept(const transport::Peer& peer, core::LabelSource labels) {
  PeerFacts facts;
  facts.uid = peer.uid;
  facts.gid = peer.gid;
  facts.pid = peer.pid;
  facts.groups = peer.groups;
  facts.label = label_fact(peer.label, labels);
  facts.label_source = labels;
  return facts;
}

Fact unit_of(int pidfd) {
  const auto pid = pid_of(pidfd);
  if (!pid) return Fact::unknown(k_ended);
  const auto text =
      read_file("/proc/" + std::to_string(*pid) + "/cgroup", core::k_max_cgroup_text, ErrorCode::internal);
  // Of a pid that has come to mean another process meanwhile nothing was read.
  if (has_ended(pidfd)) return Fact::unknown(k_ended);
  if (!text) return Fact::unknown(text.error().detail + " (fobd needs /proc without hidepid)");
  auto unit = core::unit_of_cgroup(*text);
  return unit ? Fact::known(std::move(*unit)) : Fact::unknown(unit.error().detail);
}

PeerFacts facts_by_now(PeerFacts facts, const transport::Peer& peer) {
  if (has_ended(number_of(peer.pidfd))) forget_living(facts, k_ended);
  return facts;
}

asio::awaitable<PeerFacts> gather_facts(FactSources sources, transport::Peer peer,
                                        std::shared_ptr<Acquaintance> acquaintance, Asks asks) {
  PeerFacts facts = facts_at_accept(peer, sources.labels);
  if (asks(Selector::unit, facts)) facts.unit = unit_of(number_of(peer.pidfd));
  // The path first: the hash of a program that is not the one meant is nobody's concern, and costs.
  if (asks(Selector::exe, facts)) facts.exe = co_await testimony(sources.witness, peer.pidfd, Selector::exe);
  if (asks(Selector::exe_sha256, facts))
    facts.exe_sha256 = co_await testimony(sources.witness, peer.pidfd, Selector::exe_sha256);
  if (acquaintance) compare_with_first(facts, *acquaintance);
  co_return facts_by_now(std::move(facts), peer);
}

Result<transport::Peer> peer_by_pid(pid_t pid, core::LabelSource labels) {
  UniqueFd pidfd = open_pidfd(pid);
  const Error none = fail(ErrorCode::not_found, "there is no process " + std::to_string(pid) + " here");
  if (!pidfd && errno == ESRCH) return none;
  if (!pidfd) return fail(ErrorCode::internal, with_errno("process " + std::to_string(pid)));
  const auto text = read_file("/proc/" + std::to_string(pid) + "/status", k_max_status, ErrorCode::internal);
  const auto status = text ? transport::parse_process_status(*text) : std::nullopt;
  auto label = label_of(pid, labels);
  if (!status || has_ended(pidfd.get())) return none;
  transport::Peer peer;
  peer.uid = status->uid;
  peer.gid = status->gid;
  peer.pid = pid;
  peer.groups = status->groups;
  peer.pidfd = std::make_shared<const UniqueFd>(std::move(pidfd));
  peer.label = std::move(label);
  return peer;
}

void add_names(PeerFacts& facts) {
  if (facts.uid && facts.user.empty()) facts.user = user_name(*facts.uid).value_or("");
  if (facts.gid && facts.group.empty()) facts.group = group_name(*facts.gid).value_or("");
}

}  // namespace fob::broker
