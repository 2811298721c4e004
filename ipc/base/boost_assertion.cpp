// What becomes of an assertion of Boost's that does not hold. Only builds without NDEBUG check them, so none
// that is shipped. It ends the program, as assert(3) does, unless the assertion itself is wrong.
#include <boost/assert.hpp>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#ifndef NDEBUG
namespace {

// Of a chunked body that is empty and comes in pieces, the parser may have three or four bytes. It goes on as
// it should where this is not asserted, and upstream does not any more:
// https://github.com/boostorg/beast/pull/2861
bool is_wrong(std::string_view expression, std::string_view function) {
  return expression == "n >= 5" && function.find("parse_chunk_header") != std::string_view::npos;
}

}  // namespace

namespace boost {

void assertion_failed(const char* expression, const char* function, const char* file, long line) {
  if (!is_wrong(expression, function)) assertion_failed_msg(expression, "", function, file, line);
}

void assertion_failed_msg(const char* expression, const char* message, const char* function, const char* file,
                          long line) {
  std::fprintf(stderr, "%s:%ld: %s: assertion `%s' failed. %s\n", file, line, function, expression, message);
  std::abort();
}

}  // namespace boost
#endif
