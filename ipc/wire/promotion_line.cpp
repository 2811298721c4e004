#include "ipc/wire/promotion_line.hpp"

#include "ipc/wire/json.hpp"
#include "ipc/wire/limits.hpp"
#include "ipc/wire/names.hpp"

#include <algorithm>
#include <array>

namespace fob::wire {
namespace {

constexpr std::int64_t k_promotion_version = 1;

struct EndWord {
  PromotionEnd outcome;
  std::string_view word;
};
constexpr std::array k_end_words = {EndWord{PromotionEnd::promoted, "promoted"},
                                    EndWord{PromotionEnd::left_alone, "left-alone"},
                                    EndWord{PromotionEnd::failed, "failed"}};

std::string_view word_for(PromotionEnd outcome) {
  const auto row = std::find_if(k_end_words.begin(), k_end_words.end(),
                                [&](const EndWord& w) { return w.outcome == outcome; });
  return row == k_end_words.end() ? k_end_words.back().word : row->word;
}

}  // namespace

std::string encode(const PromotionRequest& request) {
  return dump({{"v", k_promotion_version}, {"profile", request.profile}, {"version", request.version}});
}

Result<PromotionRequest> decode_promotion_request(std::string_view line) {
  const auto object = parse_object(line, k_max_promotion_request, ErrorCode::bad_request);
  if (!object) return object.error();
  if (integer_member(*object, "v") != k_promotion_version) return fail(ErrorCode::bad_request, "v is not 1");
  if (const auto unknown = unknown_member(*object, {"v", "profile", "version"}))
    return fail(ErrorCode::bad_request, "unknown member " + *unknown);
  auto profile = string_member(*object, "profile").value_or("");
  if (!is_profile_name(profile)) return fail(ErrorCode::bad_request, "profile is not a profile name");
  const auto version = integer_member(*object, "version");
  if (!version || *version < 1) return fail(ErrorCode::bad_request, "version is not a version");
  return PromotionRequest{std::move(profile), static_cast<std::uint64_t>(*version)};
}

std::string encode(const PromotionAnswer& answer) {
  return dump({{"v", k_promotion_version},
               {"outcome", word_for(answer.outcome)},
               {"detail", printable(answer.detail, k_max_detail)}});
}

Result<PromotionAnswer> decode_promotion_answer(std::string_view line) {
  const auto object = parse_object(line, k_max_promotion_answer, ErrorCode::bad_answer);
  if (!object) return object.error();
  if (integer_member(*object, "v") != k_promotion_version) return fail(ErrorCode::bad_answer, "v is not 1");
  const auto word = string_member(*object, "outcome").value_or("");
  const auto row =
      std::find_if(k_end_words.begin(), k_end_words.end(), [&](const EndWord& w) { return w.word == word; });
  if (row == k_end_words.end()) return fail(ErrorCode::bad_answer, "outcome is none of the known ones");
  return PromotionAnswer{row->outcome,
                         printable(string_member(*object, "detail").value_or(""), k_max_detail)};
}

}  // namespace fob::wire
