// What sealing and opening a bundle cost, each beside what cannot be avoided: as many bare sealed boxes, and
// reading the same file without looking at it. And the most memory that a device needs to open one, measured
// in a process of its own. 100,000 devices run only where FOB_BENCH_LARGE is set; sealing them takes a while.
#include "daemon/fleet/bundle_reader.hpp"
#include "daemon/fleet/bundle_writer.hpp"
#include "daemon/fleet/enrol_line.hpp"
#include "daemon/fleet/limits.hpp"
#include "tests/support/temp_directory.hpp"

#include <benchmark/benchmark.h>
#include <sodium.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace fob::fleet {
namespace {

// The most that opening may take on a device, libraries and all (design.md: headsets and edge boxes).
constexpr long k_most_kib = 16 * 1024;
const Time k_begin = time_from("2026-01-01T00:00:00Z").value();
const Time k_end = time_from("2027-01-01T00:00:00Z").value();

DeviceIdentity identity_of(std::uint64_t number) {
  SecretBytes secret(k_identity_secret);
  crypto_generichash(secret.bytes().data(), secret.size(), reinterpret_cast<const unsigned char*>(&number),
                     sizeof number, nullptr, 0);
  return identity_from("headset-" + std::to_string(number), secret).value();
}

// A fleet of so many devices, its devices file, and a bundle for it.
class Fleet {
 public:
  explicit Fleet(std::uint64_t devices) {
    std::ofstream file(devices_file());
    for (std::uint64_t i = 0; i < devices; ++i) file << encode_enrol_line(identity_of(i), k_begin) << '\n';
    file.close();
    devices_ = read_device_list(devices_file()).value();
    header_ = seal().value();
  }

  std::filesystem::path devices_file() const { return directory_.path() / "devices"; }
  std::filesystem::path bundle() const { return directory_.path() / "bundle"; }
  const DeviceList& devices() const { return devices_; }
  const BundleHeader& header() const { return header_; }
  std::vector<PublicKey> trusted() const { return {key_.public_key}; }

  Result<BundleHeader> seal() const {
    return seal_bundle(bundle(), {"prod-query", 1, k_begin, k_begin, k_end, {{5, k_begin}, {100, k_begin}}},
                       devices_, credentials_, key_);
  }

 private:
  test::TempDirectory directory_;
  OperatorKey key_ = make_operator_key();
  Credentials credentials_ =
      Credentials::for_all("0123456789abcdef01234567", SecretBytes::copy_of(std::string(64, 's'))).value();
  DeviceList devices_;
  BundleHeader header_;
};

// Made once for each size, since it takes longer than what is measured.
const Fleet& fleet_of(std::int64_t devices) {
  static std::map<std::int64_t, std::unique_ptr<Fleet>> fleets;
  auto& fleet = fleets[devices];
  if (!fleet) fleet = std::make_unique<Fleet>(static_cast<std::uint64_t>(devices));
  return *fleet;
}

void read_devices(benchmark::State& state) {
  const Fleet& fleet = fleet_of(state.range(0));
  for (auto _ : state)
    if (!read_device_list(fleet.devices_file())) state.SkipWithError("the devices file is refused");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void seal(benchmark::State& state) {
  const Fleet& fleet = fleet_of(state.range(0));
  for (auto _ : state)
    if (!fleet.seal()) state.SkipWithError("not sealed");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void bare_boxes(benchmark::State& state) {
  const Fleet& fleet = fleet_of(state.range(0));
  std::vector<unsigned char> box(fleet.header().box_bytes);
  const std::vector<unsigned char> payload(box.size() - crypto_box_SEALBYTES);
  for (auto _ : state)
    for (std::size_t i = 0; i < fleet.devices().size(); ++i)
      if (crypto_box_seal(box.data(), payload.data(), payload.size(), fleet.devices().box_key(i).data()) != 0)
        state.SkipWithError("no box");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

std::int64_t size_of(const Fleet& fleet) {
  return static_cast<std::int64_t>(std::filesystem::file_size(fleet.bundle()));
}

void open(benchmark::State& state) {
  const Fleet& fleet = fleet_of(state.range(0));
  const DeviceIdentity identity = identity_of(7);
  const auto trusted = fleet.trusted();
  for (auto _ : state) {
    const auto source = BundleFile::open(fleet.bundle());
    if (!source || !open_bundle(*source, trusted, identity)) state.SkipWithError("it does not open");
  }
  state.SetBytesProcessed(state.iterations() * size_of(fleet));
}

void bare_read(benchmark::State& state) {
  const Fleet& fleet = fleet_of(state.range(0));
  std::vector<unsigned char> buffer(k_chunk);
  for (auto _ : state) {
    const auto source = BundleFile::open(fleet.bundle());
    std::uint64_t offset = 0;
    while (source && offset < source->size()) offset += source->read(offset, buffer).value();
    benchmark::DoNotOptimize(buffer.data());
  }
  state.SetBytesProcessed(state.iterations() * size_of(fleet));
}

// The peak of this process's memory, in KiB. Not what wait4(2) says of it: that counts what it had before
// exec.
long own_peak() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (long peak = 0; word == "VmHWM:" && status >> peak) return peak;
  return -1;
}

// What a program of its own does: opens, and writes its peak.
int open_once(const char* file, const char* signer) {
  const auto source = BundleFile::open(file);
  const auto trusted = public_key_from(signer);
  if (!source || !trusted || !open_bundle(*source, std::vector{*trusted}, identity_of(7))) return 1;
  std::printf("%ld\n", own_peak());
  return 0;
}

// The peak of such a program, in KiB; -1 if the bundle does not open.
long peak_of_opening(const Fleet& fleet) {
  const std::string file = fleet.bundle(), signer = to_base64(fleet.trusted().front());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(writing.get(), STDOUT_FILENO);
    ::execl("/proc/self/exe", "bench", "--open", file.c_str(), signer.c_str(), nullptr);
    ::_exit(127);
  }
  writing.reset();
  std::array<char, 32> text{};
  const ssize_t size = ::read(reading.get(), text.data(), text.size() - 1);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0 || size <= 0) return -1;
  return std::strtol(text.data(), nullptr, 10);
}

void peak_memory_of_opening(benchmark::State& state) {
  const Fleet& fleet = fleet_of(state.range(0));
  long peak = 0;
  for (auto _ : state) peak = peak_of_opening(fleet);
  if (peak < 0) return state.SkipWithError("it does not open");
  if (peak > k_most_kib) return state.SkipWithError("opening takes more than 16 MiB");
  state.counters["peak_KiB"] = static_cast<double>(peak);
  state.counters["bundle_KiB"] = static_cast<double>(size_of(fleet)) / 1024;
}

void register_size(std::int64_t devices, bool once) {
  for (const auto& [name, run] :
       std::initializer_list<std::pair<const char*, benchmark::internal::Function*>>{
           {"read_devices", read_devices},
           {"seal", seal},
           {"bare_boxes", bare_boxes},
           {"open", open},
           {"bare_read", bare_read}}) {
    auto* registered = benchmark::RegisterBenchmark(name, run)->Arg(devices)->Unit(benchmark::kMillisecond);
    if (once && run != open && run != bare_read) registered->Iterations(1);
  }
  benchmark::RegisterBenchmark("peak_memory_of_opening", peak_memory_of_opening)->Arg(devices)->Iterations(1);
}

}  // namespace
}  // namespace fob::fleet

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--open") return fob::fleet::open_once(argv[2], argv[3]);
  if (sodium_init() < 0) return 1;
  fob::fleet::register_size(1'000, false);
  if (std::getenv("FOB_BENCH_LARGE") != nullptr) fob::fleet::register_size(100'000, true);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
