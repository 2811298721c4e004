#include "tests/sim/plot.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <string>
#include <utility>
#include <vector>

namespace fob::sim {
namespace {

using std::chrono::seconds;

// Points a line: more would be finer than the screen, and make the file large.
constexpr int k_points = 1440;
constexpr double k_left = 90, k_right = 980, k_width = 1000, k_height = 750;
constexpr double k_mean_from = 0, k_mean_to = 3;

constexpr const char* k_attempts = "#1f6fb4";
constexpr const char* k_served = "#d9730d";
constexpr const char* k_other = "#a3a3a3";
constexpr const char* k_without = "#b3261e";

struct Panel {
  double top, bottom;
  double low, high;
  bool logarithmic = false;

  double y(double value) const {
    const auto scaled = [&](double v) { return logarithmic ? std::log10(std::max(v, low)) : v; };
    const double part = (scaled(value) - scaled(low)) / (scaled(high) - scaled(low));
    return bottom - (bottom - top) * part;
  }
};

// 1500000 → "1.5 M".
std::string rounded(double value) {
  const auto [unit, sign] = value >= 1e6   ? std::pair(1e6, " M")
                            : value >= 1e3 ? std::pair(1e3, " k")
                                           : std::pair(1.0, "");
  std::string digits = std::to_string(std::round(value / unit * 10) / 10);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  return digits + sign;
}

class Svg {
 public:
  Svg(std::ostream& out, const FleetReport& report) : out_(out), report_(report) {
    out_ << std::fixed << std::setprecision(1) << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "
         << k_width << ' ' << k_height << "\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\""
         << " fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  }

  void text(double x, double y, const std::string& words, const std::string& more = "") {
    out_ << "<text x=\"" << x << "\" y=\"" << y << "\" " << more << '>' << words << "</text>\n";
  }

  void level(const Panel& panel, double value, const std::string& style, const std::string& label = "") {
    out_ << "<path d=\"M" << k_left << ' ' << panel.y(value) << 'H' << k_right << "\" " << style << "/>\n";
    if (!label.empty()) text(k_right - 6, panel.y(value) - 5, label, "text-anchor=\"end\" fill=\"#555\"");
  }

  // The frame, the outage's shade, a line and a label for each of `ticks`, and the hours.
  void frame(const Panel& panel, const std::string& title, const std::vector<double>& ticks,
             const std::string& unit) {
    const FleetSettings& settings = report_.settings;
    out_ << "<rect x=\"" << x(settings.outage_start) << "\" y=\"" << panel.top << "\" width=\""
         << x(settings.outage_end()) - x(settings.outage_start) << "\" height=\"" << panel.bottom - panel.top
         << "\" fill=\"#ececec\"/>\n";
    for (const double tick : ticks) {
      level(panel, tick, "stroke=\"#ddd\"");
      text(k_left - 8, panel.y(tick) + 4, rounded(tick) + unit, "text-anchor=\"end\"");
    }
    for (seconds at{0}; at <= settings.span; at += std::chrono::minutes(30)) {
      out_ << "<path d=\"M" << x(at) << ' ' << panel.bottom << "v5\" stroke=\"#222\"/>\n";
      text(x(at), panel.bottom + 19, rounded(static_cast<double>(at.count()) / 3600) + " h",
           "text-anchor=\"middle\"");
    }
    out_ << "<rect x=\"" << k_left << "\" y=\"" << panel.top << "\" width=\"" << k_right - k_left
         << "\" height=\"" << panel.bottom - panel.top << "\" fill=\"none\" stroke=\"#222\"/>\n";
    text(k_left, panel.top - 9, title, "font-weight=\"bold\"");
  }

  // A line through the mean of `count` in each step, in units of `unit`; what is higher than the panel is
  // cut.
  void line(const Panel& panel, const FleetReport& report, std::uint32_t Second::*count, double unit,
            const char* colour) {
    const seconds step = std::max(seconds(1), report_.settings.span / k_points);
    out_ << "<polyline fill=\"none\" stroke=\"" << colour << "\" stroke-width=\"1.4\" points=\"";
    for (seconds at{0}; at + step <= report.settings.span; at += step) {
      const double value = report.mean(count, at, at + step) / unit;
      out_ << x(at + step / 2) << ',' << panel.y(std::clamp(value, panel.low, panel.high)) << ' ';
    }
    out_ << "\"/>\n";
  }

  void legend(double at, double y, const char* colour, const std::string& words) {
    out_ << "<path d=\"M" << at << ' ' << y - 4 << "h22\" stroke=\"" << colour << "\" stroke-width=\"3\"/>\n";
    text(at + 28, y, words);
  }

  void close() { out_ << "</svg>\n"; }

 private:
  double x(seconds at) const {
    return k_left + (k_right - k_left) * static_cast<double>(at.count()) /
                        static_cast<double>(report_.settings.span.count());
  }

  std::ostream& out_;
  const FleetReport& report_;
};

// The powers of ten around all rates.
Panel of_rates(const FleetReport& report) {
  const double most = report.peak(&Second::attempts, {}, report.settings.span, seconds(10));
  return {40, 290, std::pow(10, std::floor(std::log10(steady_rate(report.settings) / 3))),
          std::pow(10, std::ceil(std::log10(most))), true};
}

void draw_rates(Svg& svg, const FleetReport& report) {
  const Panel panel = of_rates(report);
  std::vector<double> ticks{panel.low};
  while (ticks.back() < panel.high) ticks.push_back(ticks.back() * 10);
  svg.frame(panel, "Exchanges a second (logarithmic)", ticks, "/s");
  if (const auto capacity = report.settings.capacity)
    svg.level(panel, *capacity, "stroke=\"#555\" stroke-dasharray=\"6 4\"",
              "the authority's capacity, " + rounded(*capacity) + "/s");
  svg.line(panel, report, &Second::attempts, 1, k_attempts);
  svg.line(panel, report, &Second::served, 1, k_served);
  svg.legend(480, panel.top - 9, k_attempts, "attempted");
  svg.legend(590, panel.top - 9, k_served, "served");
  svg.text(k_right, panel.top - 9, "shaded: the authority is away", "text-anchor=\"end\" fill=\"#555\"");
}

void draw_evenness(Svg& svg, const FleetReport& report, const FleetReport* other) {
  const Panel panel{350, 530, k_mean_from, k_mean_to};
  svg.frame(panel, "Attempts, in multiples of the long-run mean (cut at 3)", {0, 1, 1.5, 2, 3}, " ×");
  svg.level(panel, 1.5, "stroke=\"#555\" stroke-dasharray=\"6 4\"");
  if (other) svg.line(panel, *other, &Second::attempts, steady_rate(other->settings), k_other);
  svg.line(panel, report, &Second::attempts, steady_rate(report.settings), k_attempts);
  if (other) svg.legend(590, panel.top - 9, k_other, "if no first refresh were scattered");
}

void draw_without_token(Svg& svg, const FleetReport& report) {
  const double devices = report.settings.devices;
  const Panel panel{590, 710, 0, devices};
  svg.frame(panel, "Devices without a valid token", {0, devices / 2, devices}, "");
  svg.line(panel, report, &Second::without_token, 1, k_without);
}

}  // namespace

void write_svg(std::ostream& out, const FleetReport& report, const FleetReport* other) {
  Svg svg(out, report);
  draw_rates(svg, report);
  draw_evenness(svg, report, other);
  draw_without_token(svg, report);
  svg.close();
}

void write_csv(std::ostream& out, const FleetReport& report) {
  constexpr seconds k_step{10};
  out << "second,attempts,served,refused,unreached,retrying,without_token\n"
      << std::fixed << std::setprecision(1);
  for (seconds at{0}; at + k_step <= report.settings.span; at += k_step) {
    const Second& then = report.history[static_cast<std::size_t>(at.count())];
    out << at.count();
    for (const auto count : {&Second::attempts, &Second::served, &Second::refused, &Second::unreached})
      out << ',' << report.mean(count, at, at + k_step);
    out << ',' << then.retrying << ',' << then.without_token << '\n';
  }
}

}  // namespace fob::sim
