// Many receipts as one page: how far each bundle has come, and which devices need a person. What is kept of a
// receipt is a few bytes, unless its device needs attention.
#pragma once

#include "daemon/fleet/device_list.hpp"
#include "daemon/fleet/receipt.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fob::fleet {

/// The state of one bundle, known by profile and serial: each device's latest receipt counts.
struct BundleProgress {
  std::string profile;
  std::uint64_t serial = 0;
  std::array<std::uint64_t, k_outcomes> devices{};  ///< by Outcome
  /// Enrolled, but without a receipt of it; known for a profile's newest serial where the enrolled are.
  std::optional<std::vector<std::string>> silent;
};

struct Report {
  std::vector<BundleProgress> bundles;  ///< by profile, then the newest serial first
  std::vector<Receipt> attention;       ///< refused, rejected or failed, and nothing newer of that profile
  std::uint64_t receipts = 0;
};

/// Gathers receipts in any order.
class ReportBuilder {
 public:
  void add(const Receipt& receipt);
  /// `enrolled` gives the devices that ought to answer; null: nobody is missed.
  Report finish(const DeviceList* enrolled) const;

 private:
  using Bundle = std::pair<std::string, std::uint64_t>;
  // What is kept of a device's latest receipt of one bundle.
  struct Latest {
    Time time;
    Outcome outcome;
    bool weak;              // says nothing of a bundle that was taken
    std::uint32_t trouble;  // where it stands in troubles_, counted from 1; 0: nowhere
  };
  using Devices = std::map<std::string, Latest, std::less<>>;

  static std::vector<std::string> silent(const DeviceList& enrolled, const Devices& answered);
  bool has_newer(const std::string& device, Time time) const;

  std::map<Bundle, Devices> bundles_;
  std::vector<Receipt> troubles_;
  std::uint64_t receipts_ = 0;
};

/// The report as a table for people: a line a bundle, then the devices that need attention, then the silent
/// ones, at most `names` of each. Ends with a line end.
std::string to_table(const Report& report, std::size_t names = 20);

/// The report as one JSON document with everything in it, and a line end.
std::string to_json(const Report& report);

}  // namespace fob::fleet
