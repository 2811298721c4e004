// A line on stderr: as people read it who start a program by hand, and as the journal takes it where stderr
// leads there, with its priority (sd-daemon(3)). It needs no socket, so it is for programs that may have
// none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fob {

/// How much a line matters, by what its reader should do (docs/logs.md); the numbers are syslog(3)'s.
enum class Priority : unsigned char { error = 3, warning = 4, notice = 5, info = 6 };

std::string_view to_string(Priority priority);

/// Whether stderr is what `stream` names, the variable JOURNAL_STREAM (systemd.exec(5)). It may have been
/// redirected since.
bool leads_to_journal(const std::optional<std::string>& stream);

/// Writes "WHO: TEXT", or for the journal TEXT with its priority. Control characters become spaces.
void say_on_stderr(std::string_view who, Priority priority, std::string_view text);

}  // namespace fob
