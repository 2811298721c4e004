#include "daemon/fleet/bundle_writer.hpp"

#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/pending_file.hpp"
#include "daemon/fleet/signing.hpp"
#include "daemon/fleet/wrong.hpp"

#include <sodium.h>

#include <algorithm>
#include <span>
#include <utility>

namespace fob::fleet {
namespace {

constexpr std::uint64_t k_progress_step = 1024;

// Writes to the file what it hashes, so that what is signed is what is there.
class SignedOutput {
 public:
  explicit SignedOutput(PendingFile file) : file_(std::move(file)) {}

  Result<void> add(std::span<const unsigned char> bytes) {
    hash_.add(bytes);
    return file_.append(bytes);
  }
  Result<void> finish(const OperatorKey& key) {
    if (auto appended = file_.append(hash_.sign(key.secret)); !appended) return appended;
    return file_.commit();
  }

 private:
  PendingFile file_;
  BundleHash hash_;
};

// The wave of each device: as many as the percents say, and which ones is drawn by lot (Fisher and Yates).
std::vector<std::uint8_t> draw_waves(const BundleHeader& header) {
  static_assert(k_max_waves <= 256 && k_max_devices < std::uint64_t{1} << 32);
  std::vector<std::uint8_t> waves;
  waves.reserve(header.devices);
  for (std::size_t wave = 0; wave < header.waves.size(); ++wave)
    waves.resize(devices_up_to(header, wave), static_cast<std::uint8_t>(wave));
  for (std::size_t left = waves.size(); left > 1; --left)
    std::swap(waves[left - 1], waves[randombytes_uniform(static_cast<std::uint32_t>(left))]);
  return waves;
}

class Sealing {
 public:
  Sealing(const SealOrder& order, const DeviceList& devices, const Credentials& credentials)
      : devices_(devices), credentials_(credentials) {
    header_ = {order.profile,
               order.serial,
               order.created,
               order.not_before,
               order.not_after,
               devices.size(),
               0,
               order.waves,
               {}};
  }

  // Settles the header. Fails with bad_request.
  Result<void> prepare(const PublicKey& signer);
  const BundleHeader& header() const { return header_; }
  Result<void> write(SignedOutput& output, const Progress& progress) const;

 private:
  PayloadPlace place_of(std::size_t device, std::size_t wave) const {
    return {devices_.id(device), header_.profile, header_.serial, wave};
  }
  Result<void> write_boxes(SignedOutput& output, const Progress& progress) const;

  const DeviceList& devices_;
  const Credentials& credentials_;
  BundleHeader header_;
};

Result<void> Sealing::prepare(const PublicKey& signer) {
  header_.signer = signer;
  if (auto covered = credentials_.cover(devices_); !covered) return covered;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < devices_.size(); ++i)
    longest =
        std::max(longest, payload_size(place_of(i, header_.waves.size()), *credentials_.of(devices_.id(i))));
  // The padding takes one byte at least.
  header_.box_bytes = (longest / k_payload_step + 1) * k_payload_step + crypto_box_SEALBYTES;
  if (header_.box_bytes > k_max_box) return wrong("a credential is too long for a bundle");
  if (auto fault = fault_of(header_); !fault.empty()) return wrong("such a bundle cannot be: " + fault);
  return {};
}

Result<void> Sealing::write(SignedOutput& output, const Progress& progress) const {
  auto written = output.add(octets(encode_header(header_)));
  for (std::size_t i = 0; written && i < devices_.size(); ++i) written = output.add(devices_.box_key(i));
  if (!written) return written;
  return write_boxes(output, progress);
}

Result<void> Sealing::write_boxes(SignedOutput& output, const Progress& progress) const {
  const auto waves = draw_waves(header_);
  SecretBytes payload(header_.box_bytes - crypto_box_SEALBYTES);
  std::vector<unsigned char> box(header_.box_bytes);
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    write_payload(place_of(i, waves[i]), *credentials_.of(devices_.id(i)), payload.bytes());
    if (crypto_box_seal(box.data(), payload.bytes().data(), payload.size(), devices_.box_key(i).data()) != 0)
      return wrong("nothing can be sealed to the key of " + std::string(devices_.id(i)) + " (line " +
                   std::to_string(devices_.line(i)) + "), which is none; enrol it anew");
    if (auto added = output.add(box); !added) return added;
    if (progress && (i + 1) % k_progress_step == 0) progress(i + 1, devices_.size());
  }
  if (progress && devices_.size() % k_progress_step != 0) progress(devices_.size(), devices_.size());
  return {};
}

}  // namespace

Result<BundleHeader> seal_bundle(const std::filesystem::path& target, const SealOrder& order,
                                 const DeviceList& devices, const Credentials& credentials,
                                 const OperatorKey& key, const Progress& progress) {
  Sealing sealing(order, devices, credentials);
  if (auto prepared = sealing.prepare(key.public_key); !prepared) return prepared.error();
  auto file = PendingFile::beside(target);
  if (!file) return file.error();
  SignedOutput output(std::move(*file));
  if (auto written = sealing.write(output, progress); !written) return written.error();
  if (auto finished = output.finish(key); !finished) return finished.error();
  return sealing.header();
}

}  // namespace fob::fleet
