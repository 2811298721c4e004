// Randomness as a seam: fob draws jitter, never keys, through it (keys are libsodium's affair).
#pragma once

namespace fob {

class Random {
 public:
  virtual ~Random() = default;
  /// Uniform in [0, 1).
  virtual double unit() = 0;
};

/// The kernel's randomness by way of libsodium.
class SystemRandom final : public Random {
 public:
  double unit() override;
};

}  // namespace fob
