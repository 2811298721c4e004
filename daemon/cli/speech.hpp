// How fob speaks: messages for people on stderr, results on stdout, colour on terminals only.
#pragma once

#include "ipc/base/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace fob::cli {

/// One message on stderr: "fob: …".
void say(std::string_view message);

/// A result on stdout, exactly as it is. Fails where it could not be written, so that no one takes half of it
/// for the whole.
Result<void> print(std::string_view result);

/// Says on the terminal, for as long as it lives, what is being waited for, and takes that away again. Where
/// stderr is no terminal, nothing. No message may be said meanwhile.
class Waiting {
 public:
  explicit Waiting(std::string_view for_what);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();

 private:
  bool shown_;
};

/// Whether results may be coloured: stdout is a terminal that can, and NO_COLOR is not set
/// (https://no-color.org).
bool may_colour();

enum class Colour { none, good, warning, bad, faint };

/// `text` in that colour, where `coloured`; without any otherwise.
std::string painted(std::string_view text, Colour colour, bool coloured);

/// "45 s", "4 min 59 s", "3 h 5 min", "2 d 4 h": the two largest units, for people.
std::string in_words(std::chrono::seconds duration);

}  // namespace fob::cli
