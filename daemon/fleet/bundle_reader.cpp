#include "daemon/fleet/bundle_reader.hpp"

#include "daemon/fleet/limits.hpp"
#include "daemon/fleet/payload.hpp"
#include "daemon/fleet/signing.hpp"

#include <sodium.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

namespace fob::fleet {
namespace {

using Bytes = std::span<const unsigned char>;

static_assert(k_chunk % sizeof(PublicKey) == 0, "a piece of the table holds whole keys");

Refusal refuse(Reason reason, std::string detail = {}) { return {reason, std::move(detail)}; }
Refusal changed() { return refuse(Reason::unreadable, "it changed while it was read"); }
Refusal ended() { return refuse(Reason::truncated, "it became shorter while it was read"); }

// A bundle whose header was read, but not yet verified.
struct Outline {
  std::string line;  // the header as it stands in the file
  BundleHeader header;
  BundleLayout layout;
};

// What the pass over the file is to pick up for this device.
struct Own {
  std::uint64_t index = 0;
  PublicKey slot{};
  std::vector<unsigned char> box;
};

Verified<Outline> outline_of(const BundleSource& source) {
  std::string start(k_max_header, '\0');
  const auto size = source.read(0, {reinterpret_cast<unsigned char*>(start.data()), start.size()});
  if (!size) return size.error();
  start.resize(*size);
  auto header = parse_header(start);
  if (!header) return header.error();
  start.resize(start.find('\n') + 1);
  const BundleLayout layout = layout_of(*header, start.size());
  return Outline{std::move(start), std::move(*header), layout};
}

Verified<void> check_outline(const Outline& outline, std::uint64_t size, std::span<const PublicKey> trusted) {
  const auto sizes = std::to_string(size) + " bytes of " + std::to_string(outline.layout.end);
  if (size < outline.layout.end) return refuse(Reason::truncated, sizes);
  if (size > outline.layout.end) return refuse(Reason::malformed, "it is too long: " + sizes);
  if (std::find(trusted.begin(), trusted.end(), outline.header.signer) == trusted.end())
    return refuse(Reason::wrong_signer, "key " + to_base64(outline.header.signer));
  return {};
}

// Where `key` stands in the table, by binary search; nothing if it does not.
Verified<std::optional<std::uint64_t>> find_slot(const BundleSource& source, const Outline& outline,
                                                 const PublicKey& key) {
  std::uint64_t first = 0;
  std::uint64_t last = outline.header.devices;
  while (first < last) {
    const std::uint64_t middle = first + (last - first) / 2;
    PublicKey found{};
    const auto size = source.read(outline.layout.table + middle * sizeof(PublicKey), found);
    if (!size) return size.error();
    if (*size != found.size()) return ended();
    if (found == key) return std::optional(middle);
    if (found < key)
      first = middle + 1;
    else
      last = middle;
  }
  return std::optional<std::uint64_t>();
}

// Whether each key is greater than the one before it, from piece to piece.
class TableOrder {
 public:
  void add(Bytes keys) {
    for (std::size_t at = 0; at < keys.size(); at += sizeof(PublicKey)) {
      PublicKey key{};
      std::copy_n(keys.begin() + static_cast<std::ptrdiff_t>(at), key.size(), key.begin());
      strict_ = strict_ && (first_ || previous_ < key);
      first_ = false;
      previous_ = key;
    }
  }
  bool strict() const { return strict_; }

 private:
  PublicKey previous_{};
  bool first_ = true;
  bool strict_ = true;
};

// Copies to `to` what `piece`, which lies at `offset`, has of the bytes from `begin` on.
void pick(Bytes piece, std::uint64_t offset, std::uint64_t begin, std::span<unsigned char> to) {
  const std::uint64_t from = std::max(offset, begin);
  const std::uint64_t until = std::min(offset + piece.size(), begin + to.size());
  if (from >= until) return;
  const auto part = piece.subspan(from - offset, until - from);
  std::copy(part.begin(), part.end(), to.begin() + static_cast<std::ptrdiff_t>(from - begin));
}

// The one pass over everything that is signed.
class Pass {
 public:
  explicit Pass(const BundleSource& source) : source_(source), buffer_(k_chunk) {}

  // Hashes the bytes from `from` to `until`, and shows each piece with its offset to `look`.
  template <class Look>
  Verified<void> walk(std::uint64_t from, std::uint64_t until, Look look) {
    for (std::uint64_t offset = from; offset < until;) {
      const auto piece = std::span(buffer_).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(k_chunk, until - offset)));
      const auto size = source_.read(offset, piece);
      if (!size) return size.error();
      if (*size != piece.size()) return ended();
      hash_.add(piece);
      look(Bytes(piece), offset);
      offset += piece.size();
    }
    return {};
  }

  Verified<void> check_signature(std::uint64_t offset, const PublicKey& signer) {
    Signature signature{};
    const auto size = source_.read(offset, signature);
    if (!size) return size.error();
    if (*size != signature.size()) return ended();
    if (!hash_.verify(signature, signer)) return refuse(Reason::bad_signature);
    return {};
  }

 private:
  const BundleSource& source_;
  std::vector<unsigned char> buffer_;
  BundleHash hash_;
};

// Verifies the whole file, and fills `own` (if any) with what was hashed.
Verified<void> verify(const BundleSource& source, const Outline& outline, Own* own) {
  const BundleLayout& layout = outline.layout;
  Pass pass(source);
  std::string line(outline.line.size(), '\0');
  const std::span line_bytes(reinterpret_cast<unsigned char*>(line.data()), line.size());
  TableOrder order;
  auto walked = pass.walk(0, layout.table,
                          [&](Bytes piece, std::uint64_t offset) { pick(piece, offset, 0, line_bytes); });
  if (walked)
    walked = pass.walk(layout.table, layout.boxes, [&](Bytes piece, std::uint64_t offset) {
      order.add(piece);
      if (own != nullptr) pick(piece, offset, layout.table + own->index * sizeof(PublicKey), own->slot);
    });
  if (walked)
    walked = pass.walk(layout.boxes, layout.signature, [&](Bytes piece, std::uint64_t offset) {
      if (own != nullptr) pick(piece, offset, layout.boxes + own->index * own->box.size(), own->box);
    });
  if (walked) walked = pass.check_signature(layout.signature, outline.header.signer);
  if (!walked) return walked;
  if (line != outline.line) return changed();
  if (!order.strict()) return refuse(Reason::malformed, "its table of keys is not in order");
  return {};
}

Verified<OpenedBundle> open_box(const BundleHeader& header, const Own& own, const DeviceIdentity& identity) {
  SecretBytes padded(own.box.size() - crypto_box_SEALBYTES);
  if (crypto_box_seal_open(padded.bytes().data(), own.box.data(), own.box.size(), identity.box_key.data(),
                           identity.box_secret.bytes().data()) != 0)
    return refuse(Reason::cannot_open);
  auto payload = read_payload(padded.bytes());
  if (!payload) return payload.error();
  if (payload->device != identity.id) return refuse(Reason::other_device, payload->device);
  if (payload->profile != header.profile) return refuse(Reason::other_profile, payload->profile);
  if (payload->serial != header.serial) return refuse(Reason::other_serial, std::to_string(payload->serial));
  if (payload->wave >= header.waves.size()) return refuse(Reason::bad_payload, "a wave that does not exist");
  return OpenedBundle{header, payload->wave, std::move(payload->client_id),
                      std::move(payload->client_secret)};
}

}  // namespace

Verified<BundleHeader> read_bundle_header(const BundleSource& source) {
  auto outline = outline_of(source);
  if (!outline) return outline.error();
  return std::move(outline->header);
}

Verified<BundleHeader> verify_bundle(const BundleSource& source, std::span<const PublicKey> trusted) {
  auto outline = outline_of(source);
  if (!outline) return outline.error();
  if (auto checked = check_outline(*outline, source.size(), trusted); !checked) return checked.error();
  if (auto verified = verify(source, *outline, nullptr); !verified) return verified.error();
  return std::move(outline->header);
}

Verified<OpenedBundle> open_bundle(const BundleSource& source, std::span<const PublicKey> trusted,
                                   const DeviceIdentity& identity) {
  const auto outline = outline_of(source);
  if (!outline) return outline.error();
  if (auto checked = check_outline(*outline, source.size(), trusted); !checked) return checked.error();
  const auto found = find_slot(source, *outline, identity.box_key);
  if (!found) return found.error();
  if (!*found) return refuse(Reason::not_addressed);

  Own own{**found, {}, std::vector<unsigned char>(outline->header.box_bytes)};
  if (auto verified = verify(source, *outline, &own); !verified) return verified.error();
  if (own.slot != identity.box_key) return changed();
  return open_box(outline->header, own, identity);
}

}  // namespace fob::fleet
