// The line each way between fobd and `fob credential promote --asked`, which systemd starts for it: a staged
// credential has been seen to work, and is to be put in force. Both sides distrust the other: the one that
// promotes since the broker is what apps attack, the broker since it must not end by what it is told.
#pragma once

#include "ipc/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace fob::wire {

struct PromotionRequest {
  std::string profile;
  std::uint64_t version = 0;  ///< of the credential that worked; no other is promoted

  bool operator==(const PromotionRequest&) const = default;
};

enum class PromotionEnd : std::uint8_t {
  promoted,    ///< it is the one in force
  left_alone,  ///< it is not staged, or a rotation with a trial of its own decides
  failed,
};

struct PromotionAnswer {
  PromotionEnd outcome = PromotionEnd::failed;
  std::string detail;  ///< for a person

  bool operator==(const PromotionAnswer&) const = default;
};

/// One line without its newline. Decoders take the same and refuse what is not exactly the message.
std::string encode(const PromotionRequest& request);
/// Fails with ErrorCode::bad_request.
Result<PromotionRequest> decode_promotion_request(std::string_view line);
std::string encode(const PromotionAnswer& answer);
/// Fails with ErrorCode::bad_answer.
Result<PromotionAnswer> decode_promotion_answer(std::string_view line);

}  // namespace fob::wire
