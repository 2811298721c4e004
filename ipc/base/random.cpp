#include "ipc/base/random.hpp"

#include <sodium.h>

namespace fob {

double SystemRandom::unit() { return static_cast<double>(randombytes_random()) / 4294967296.0; }

}  // namespace fob
