// A word as a shell reads it: for the commands that messages tell people to run.
#pragma once

#include <string>

namespace fob {

/// `word` as one word of a POSIX shell's, quoted where that takes it.
std::string in_shell(const std::string& word);

}  // namespace fob
