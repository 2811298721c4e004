#include "ipc/wire/witness_line.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"

#include <algorithm>

namespace fob::wire {
namespace {

constexpr std::int64_t k_witness_version = 1;
constexpr const char* k_exe = "exe";
constexpr const char* k_exe_sha256 = "exe_sha256";
constexpr const char* k_unknown = "unknown";

Result<std::optional<Testimony>> decode_testimony(const Json& answer, const Json& unknown, const char* name,
                                                  bool (*is_sound)(std::string_view)) {
  if (answer.contains(name) && unknown.contains(name))
    return fail(ErrorCode::bad_answer, std::string(name) + " is both known and unknown");
  if (answer.contains(name)) {
    auto value = string_member(answer, name);
    if (!value || !is_sound(*value)) return fail(ErrorCode::bad_answer, std::string(name) + " is odd");
    return std::optional(Testimony{std::move(value), ""});
  }
  if (!unknown.contains(name)) return std::optional<Testimony>();
  const auto why = string_member(unknown, name);
  if (!why || why->empty())
    return fail(ErrorCode::bad_answer, std::string(name) + " is unknown without a reason");
  return std::optional(Testimony{std::nullopt, printable(*why, k_max_detail)});
}

void add(Json& answer, Json& unknown, const char* name, const std::optional<Testimony>& testimony) {
  if (!testimony) return;
  if (testimony->value)
    answer[name] = *testimony->value;
  else
    unknown[name] = printable(testimony->why_unknown, k_max_detail);
}

}  // namespace

bool is_plain_path(std::string_view text) {
  if (text.empty() || text.size() > k_max_path || text.front() != '/') return false;
  const bool printable =
      std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  // The writer replaces what is not UTF-8.
  return printable && Json::parse(dump(Json(std::string(text))), nullptr, false) == Json(std::string(text));
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::string encode(const WitnessQuestion& question) {
  Json want = Json::array();
  if (question.exe) want.push_back(k_exe);
  if (question.exe_sha256) want.push_back(k_exe_sha256);
  return dump({{"v", k_witness_version}, {"want", std::move(want)}});
}

Result<WitnessQuestion> decode_witness_question(std::string_view line) {
  const auto object = parse_object(line, k_max_witness_question, ErrorCode::bad_request);
  if (!object) return object.error();
  if (integer_member(*object, "v") != k_witness_version) return fail(ErrorCode::bad_request, "v is not 1");
  if (const auto unknown = unknown_member(*object, {"v", "want"}))
    return fail(ErrorCode::bad_request, "unknown member " + *unknown);
  const auto want = object->find("want");
  if (want == object->end() || !want->is_array() || want->empty())
    return fail(ErrorCode::bad_request, "want is not a list of facts");
  WitnessQuestion question;
  for (const auto& fact : *want) {
    bool& wanted = fact == k_exe ? question.exe : question.exe_sha256;
    if ((fact != k_exe && fact != k_exe_sha256) || wanted)
      return fail(ErrorCode::bad_request, "want may hold exe and exe_sha256, each once");
    wanted = true;
  }
  return question;
}

std::string encode(const WitnessAnswer& answer) {
  Json object = {{"v", k_witness_version}};
  Json unknown = Json::object();
  add(object, unknown, k_exe, answer.exe);
  add(object, unknown, k_exe_sha256, answer.exe_sha256);
  if (!unknown.empty()) object[k_unknown] = std::move(unknown);
  return dump(object);
}

Result<WitnessAnswer> decode_witness_answer(std::string_view line) {
  const auto object = parse_object(line, k_max_witness_answer, ErrorCode::bad_answer);
  if (!object) return object.error();
  if (integer_member(*object, "v") != k_witness_version) return fail(ErrorCode::bad_answer, "v is not 1");
  if (const auto unknown = unknown_member(*object, {"v", k_exe, k_exe_sha256, k_unknown}))
    return fail(ErrorCode::bad_answer, "unknown member " + *unknown);
  const Json unknown = object->value(k_unknown, Json::object());
  if (!unknown.is_object() || unknown_member(unknown, {k_exe, k_exe_sha256}))
    return fail(ErrorCode::bad_answer, "unknown is odd");
  auto exe = decode_testimony(*object, unknown, k_exe, is_plain_path);
  if (!exe) return exe.error();
  auto exe_sha256 = decode_testimony(*object, unknown, k_exe_sha256, is_sha256_hex);
  if (!exe_sha256) return exe_sha256.error();
  return WitnessAnswer{std::move(*exe), std::move(*exe_sha256)};
}

}  // namespace fob::wire
