#include "ipc/wire/probe_line.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>
#include <array>

namespace fob::wire {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::int64_t k_probe_version = 1;
// Year 9999: what lies beyond is no date.
constexpr std::int64_t k_last_second = 253'402'300'799;

struct StepWord {
  ProbeStep step;
  std::string_view word;
};
constexpr std::array k_step_words = {StepWord{ProbeStep::configuration, "configuration"},
                                     StepWord{ProbeStep::proxy, "proxy"},
                                     StepWord{ProbeStep::dns, "dns"},
                                     StepWord{ProbeStep::connection, "connection"},
                                     StepWord{ProbeStep::certificate_ended, "certificate-ended"},
                                     StepWord{ProbeStep::certificate_untrusted, "certificate-untrusted"},
                                     StepWord{ProbeStep::tls, "tls"},
                                     StepWord{ProbeStep::http, "http"}};

std::string_view word_for(ProbeStep step) {
  const auto row = std::find_if(k_step_words.begin(), k_step_words.end(),
                                [&](const StepWord& w) { return w.step == step; });
  return row == k_step_words.end() ? k_step_words.front().word : row->word;
}

std::optional<ProbeStep> step_called(std::string_view word) {
  const auto row = std::find_if(k_step_words.begin(), k_step_words.end(),
                                [&](const StepWord& w) { return w.word == word; });
  return row == k_step_words.end() ? std::nullopt : std::optional(row->step);
}

std::optional<sys_seconds> time_member(const Json& object, const char* name) {
  const auto value = integer_member(object, name);
  if (!value || *value < 0 || *value > k_last_second) return std::nullopt;
  return sys_seconds(seconds(*value));
}

Result<Probe::Failure> decode_probe_failure(const Json& object) {
  const auto step = step_called(string_member(object, "step").value_or(""));
  const auto code = code_of_kind(string_member(object, "kind").value_or(""));
  if (!step) return fail(ErrorCode::bad_answer, "step is none of the known ones");
  if (!code) return fail(ErrorCode::bad_answer, "kind is none of the known ones");
  return Probe::Failure{*step, *code, printable(string_member(object, "detail").value_or(""), k_max_detail)};
}

Json number(const std::optional<sys_seconds>& time) {
  return time ? Json(time->time_since_epoch().count()) : Json(nullptr);
}

}  // namespace

std::string encode(const Probe& probe) {
  Json json = {{"v", k_probe_version}, {"ok", !probe.failure}};
  if (probe.failure) {
    json["step"] = word_for(probe.failure->step);
    json["kind"] = traits(probe.failure->code).kind;
    json["detail"] = printable(probe.failure->detail, k_max_detail);
  }
  json["status"] = probe.status;
  json["authority_time"] = number(probe.authority_time);
  json["clock_skew_ms"] = probe.clock_skew ? Json(probe.clock_skew->count()) : Json(nullptr);
  json["trusted_until"] = number(probe.trusted_until);
  return dump(json);
}

Result<Probe> decode_probe(std::string_view line) {
  const auto object = parse_object(line, k_max_probe, ErrorCode::bad_answer);
  if (!object) return object.error();
  if (integer_member(*object, "v") != k_probe_version) return fail(ErrorCode::bad_answer, "v is not 1");
  const auto ok = object->find("ok");
  if (ok == object->end() || !ok->is_boolean()) return fail(ErrorCode::bad_answer, "ok is not true or false");
  Probe probe;
  if (!ok->get<bool>()) {
    auto failure = decode_probe_failure(*object);
    if (!failure) return failure.error();
    probe.failure = std::move(*failure);
  }
  const auto status = integer_member(*object, "status").value_or(0);
  probe.status = status >= 100 && status <= 599 ? static_cast<int>(status) : 0;
  probe.authority_time = time_member(*object, "authority_time");
  if (const auto skew = integer_member(*object, "clock_skew_ms")) probe.clock_skew = milliseconds(*skew);
  probe.trusted_until = time_member(*object, "trusted_until");
  return probe;
}

}  // namespace fob::wire
