// The sandbox without its network: which routes a request is for, what fault meets it, what it is answered.
// Requests are hostile; server.cpp has bounded their sizes by body_rule().
#pragma once

#include "ipc/base/clock.hpp"
#include "tests/authority/routes.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace fob::authority {

/// What may be sent with a request.
struct BodyRule {
  std::size_t limit;
  bool kept;  ///< false: read for the client's sake, and forgotten
};

class Sandbox {
 public:
  /// `clock` must outlive the sandbox.
  Sandbox(const Clock& clock, Account account, Settings settings)
      : clock_(clock), world_{std::move(account), settings, {}, {}, {}} {}

  static Area area_of(const Request& request);
  static BodyRule body_rule(Area area);

  /// The fault that this request meets, which uses up one of its count.
  std::optional<Fault> take_fault(const Request& request);

  Response answer(const Request& request, const std::optional<Fault>& fault);
  /// `{"error": text}` for what did not become a request.
  Response refuse(int status, std::string_view text) const;

  /// Held while a request is being answered, so that the stats know how many token requests there were at
  /// once.
  class Attendance {
   public:
    Attendance(Sandbox& sandbox, Area area);
    Attendance(const Attendance&) = delete;
    Attendance& operator=(const Attendance&) = delete;
    ~Attendance();

   private:
    Stats::Token* stats_;
  };

  /// The sandbox's own time: the clock's, plus the offset that was set.
  WallTime now() const { return clock_.wall_now() + world_.settings.clock_offset; }
  const World& world() const { return world_; }

 private:
  Response routed(const Request& request, WallTime now, const std::optional<Fault>& fault);

  const Clock& clock_;
  World world_;
};

}  // namespace fob::authority
