// What the kernel says about a process that asks, as rules judge it. A fact may not be known, and then it
// says why: nothing that a rule asks for is ever taken for granted.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace fob::core {

class Fact {
 public:
  /// Not looked at.
  Fact() = default;
  static Fact known(std::string value) { return Fact(std::move(value), ""); }
  static Fact unknown(std::string why) { return Fact(std::nullopt, std::move(why)); }

  const std::optional<std::string>& value() const { return value_; }
  /// Why there is no value; "" where there is one, or nobody looked.
  const std::string& why_unknown() const { return why_; }
  bool looked_at() const { return value_.has_value() || !why_.empty(); }

  bool operator==(const Fact&) const = default;

 private:
  Fact(std::optional<std::string> value, std::string why) : value_(std::move(value)), why_(std::move(why)) {}

  std::optional<std::string> value_;
  std::string why_;
};

/// Who gives a process its label.
enum class LabelSource : unsigned char { none, apparmor, selinux };

struct PeerFacts {
  std::optional<uid_t> uid;  ///< nothing only where someone asks what would be
  std::optional<gid_t> gid;
  pid_t pid = 0;
  std::vector<gid_t> groups;  ///< supplementary
  Fact unit;                  ///< see cgroup_unit.hpp
  Fact exe;                   ///< the program's path
  Fact exe_sha256;
  Fact label;
  LabelSource label_source = LabelSource::none;
  std::string user, group;  ///< names, for showing; "" where nobody looked
};

}  // namespace fob::core
