// The line each way between fobd and fob-witness: which program a process runs. The process itself goes along
// as a pidfd (SCM_RIGHTS). Both sides distrust the other: the witness since the broker is what apps attack,
// the broker since the witness reads what apps are made of.
#pragma once

#include "ipc/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace fob::wire {

/// `{"v":1,"want":["exe","exe_sha256"]}`
struct WitnessQuestion {
  bool exe = false;
  bool exe_sha256 = false;

  bool operator==(const WitnessQuestion&) const = default;
};

/// One fact: its value, or why there is none.
struct Testimony {
  std::optional<std::string> value;
  std::string why_unknown;

  bool operator==(const Testimony&) const = default;
};

/// `{"v":1,"exe":"/usr/bin/app","unknown":{"exe_sha256":"…why…"}}`: each fact that was asked for, in one
/// place or the other.
struct WitnessAnswer {
  std::optional<Testimony> exe;
  std::optional<Testimony> exe_sha256;

  bool operator==(const WitnessAnswer&) const = default;
};

/// One line without its newline. Decoders take the same and refuse what is not exactly the message: with
/// ErrorCode::bad_request and ErrorCode::bad_answer.
std::string encode(const WitnessQuestion& question);
Result<WitnessQuestion> decode_witness_question(std::string_view line);
std::string encode(const WitnessAnswer& answer);
Result<WitnessAnswer> decode_witness_answer(std::string_view line);

/// A path that survives being written as JSON, and means the same to whoever reads it: UTF-8 without control
/// characters, absolute, and no longer than a path may be.
bool is_plain_path(std::string_view text);
/// 64 lower-case hex digits.
bool is_sha256_hex(std::string_view text);

}  // namespace fob::wire
