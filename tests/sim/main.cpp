// fleet_sim: the fleet simulation as a program, for the figures and the picture of docs/fleet.md. The test
// beside it holds a smaller fleet to the same promises.
#include "tests/sim/fleet.hpp"
#include "tests/sim/plot.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

namespace {

using namespace fob::sim;
using std::chrono::seconds;

struct Options {
  FleetSettings settings;
  std::int64_t lifetime = settings.lifetime.count(), outage_start = settings.outage_start.count(),
               outage = settings.outage_length.count(), span = settings.span.count(), retry_after = 0;
  std::uint32_t capacity = *settings.capacity;
  bool alone = false;
  std::string csv, svg;
};

void describe(CLI::App& app, Options& options) {
  const CLI::Range some(std::int64_t{1}, std::int64_t{1'000'000});
  app.option_defaults()->always_capture_default();
  app.add_option("--devices", options.settings.devices, "how many boot in the same second")
      ->check(CLI::Range(10'000, 5'000'000));
  app.add_option("--lifetime", options.lifetime, "seconds that a token lives")->check(some);
  app.add_option("--capacity", options.capacity,
                 "exchanges a second that the authority can do; 0: any number");
  app.add_option("--retry-after", options.retry_after,
                 "seconds that a refusal asks for (429); 0: it is a 503");
  app.add_option("--outage-start", options.outage_start, "second in which the authority goes away")
      ->check(some);
  app.add_option("--outage", options.outage, "seconds that it stays away; 0: it does not go");
  app.add_option("--span", options.span, "seconds that are simulated")->check(some);
  app.add_option("--seed", options.settings.seed, "another seed, another chance");
  app.add_flag("--alone", options.alone, "each device believes that it is the only one: no first scatter");
  app.add_option("--csv", options.csv, "write the counts there");
  app.add_option("--svg", options.svg, "write the picture there");
}

FleetSettings settings_of(const Options& options) {
  FleetSettings settings = options.settings;
  settings.lifetime = seconds(options.lifetime);
  settings.outage_start = seconds(options.outage_start);
  settings.outage_length = seconds(options.outage);
  settings.span = seconds(options.span);
  settings.capacity.reset();
  if (options.capacity > 0) settings.capacity = options.capacity;
  if (options.retry_after > 0) settings.retry_after = seconds(options.retry_after);
  if (options.alone) settings.uptime = std::chrono::hours(1);
  if (settings.outage_end() >= settings.span)
    throw std::runtime_error("the span must go beyond the outage's end");
  return settings;
}

// The same fleet if each device believed that it is alone. A smaller one shows it as well, in multiples of
// its mean. Nothing is refused and nothing fails: that would make it scatter after all.
FleetReport unscattered(FleetSettings settings) {
  settings.devices = std::max(settings.devices / 10, 10'000U);
  settings.uptime = std::chrono::hours(1);
  settings.capacity.reset();
  settings.outage_length = seconds(0);
  return simulate(settings);
}

double in_seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

void print_peak(const FleetReport& report, const std::string& when, seconds from, seconds to,
                seconds window) {
  const double peak = report.peak(&Second::attempts, from, to, window);
  std::printf("%-52s %9.0f/s  %7.2f × the mean\n",
              (when + ", peak of " + std::to_string(window.count()) + " s").c_str(), peak,
              peak / steady_rate(report.settings));
}

// How the fleet came back after `from`.
void print_recovery(const FleetReport& report, seconds from, std::chrono::nanoseconds longest) {
  const auto drained = report.drained(from + seconds(1));
  if (!drained) return void(std::puts("  the herd never drains"));
  std::printf("%-52s %9.0f s\n", "  until all but 1 device in 10,000 are served",
              in_seconds(*drained - from));
  std::printf("%-52s %9.0f s\n", "  longest that a device was without a valid token", in_seconds(longest));
}

void print(const FleetReport& report) {
  const FleetSettings& settings = report.settings;
  const seconds life = settings.lifetime, window = calm_window(settings), end = settings.outage_end();
  std::printf("%-52s %9.0f/s\n", "mean in the long run", steady_rate(settings));
  print_peak(report, "boot", {}, life, seconds(1));
  print_recovery(report, {}, report.longest_without_at_boot);
  print_peak(report, "from the first lifetime to the outage", life, settings.outage_start, window);
  print_peak(report, "outage", settings.outage_start, end, seconds(1));
  print_peak(report, "after it", end, settings.span, seconds(1));
  if (settings.capacity)
    std::printf("%-52s %9.2f\n", "  that, in multiples of the capacity",
                report.peak(&Second::attempts, end, settings.span, seconds(1)) / *settings.capacity);
  print_recovery(report, end, report.longest_without_after_outage);
  seconds from = report.drained(end).value_or(settings.span);
  for (int lifetime = 1; from + life <= settings.span; ++lifetime, from += life)
    print_peak(report, "lifetime " + std::to_string(lifetime) + " after the recovery", from, from + life,
               window);
  std::printf("%-52s %9llu\n", "valid tokens lost", static_cast<unsigned long long>(report.lost_early));
}

template <class Write>
void write_to(const std::string& path, Write write) {
  if (path.empty()) return;
  std::ofstream file(path);
  write(file);
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

void run(const Options& options) {
  const FleetReport report = simulate(settings_of(options));
  print(report);
  write_to(options.csv, [&](std::ostream& out) { write_csv(out, report); });
  write_to(options.svg, [&](std::ostream& out) {
    const FleetReport other = unscattered(report.settings);
    write_svg(out, report, &other);
  });
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A fleet of devices that boot in the same second, and what its authority sees of it.");
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fleet_sim: %s\n", error.what());
    return 1;
  }
  return 0;
}
