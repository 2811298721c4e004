// Plain text, as it stands in help texts and in the option table, in the language of man pages (mdoc(7)).
// `code`, --options, name(8), /paths and $VARIABLES become what they are; each sentence begins a line, as
// mandoc's lint wants it.
#pragma once

#include <string>
#include <string_view>

namespace fob::manual {

/// A word or a few as arguments of a macro: escaped, and with nothing that mdoc would take for a macro.
std::string mdoc_words(std::string_view text);

/// One paragraph: lines, each with its end.
std::string mdoc_prose(std::string_view text);

/// Paragraphs, apart from each other; lines that begin with a blank are examples and stay as they are.
std::string mdoc_story(std::string_view text);

}  // namespace fob::manual
