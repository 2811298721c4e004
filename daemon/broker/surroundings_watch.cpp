#include "daemon/broker/surroundings_watch.hpp"

namespace fob::broker {
namespace {

core::Change change_of(transport::TimeJump jump) {
  return jump == transport::TimeJump::slept ? core::Change::resumed : core::Change::clock_set;
}

Event event_of(core::Change change) {
  switch (change) {
    case core::Change::network_up:
      break;
    case core::Change::clock_set:
      return Event::clock_set;
    case core::Change::resumed:
      return Event::resumed;
  }
  return Event::network_up;
}

std::string_view in_words(core::Change change) {
  switch (change) {
    case core::Change::network_up:
      return "the network came up";
    case core::Change::clock_set:
      return "the clock was set";
    case core::Change::resumed:
      return "the device was asleep and is awake again";
  }
  return "";
}

}  // namespace

SurroundingsWatch::SurroundingsWatch(boost::asio::any_io_executor executor, const Clock& clock,
                                     Broker& broker, Log& log)
    : broker_(broker),
      log_(log),
      clock_watch_(executor, clock, [this](transport::TimeJump jump) { tell(change_of(jump)); }),
      network_watch_(executor, [this] { tell(core::Change::network_up); }) {
  adjust();
}

void SurroundingsWatch::adjust() {
  if (!broker_.minds_network()) return network_watch_.rest();
  const auto listening = network_watch_.listen();
  if (listening || std::exchange(deaf_, true)) return;
  log_.say(Event::deaf_to_networks, "the kernel does not tell of networks (" + listening.error().detail +
                                        "); after an outage the next attempt comes by its own time");
}

void SurroundingsWatch::tell(core::Change change) {
  log_.say(event_of(change), in_words(change));
  // Whoever told must go on to listen.
  try {
    broker_.change(change);
  } catch (const std::exception& exception) {
    log_.say(Event::bug,
             std::string(in_words(change)) + ", but: " + exception.what() + "; please report this");
  }
}

}  // namespace fob::broker
