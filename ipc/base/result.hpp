// Result<T>: a value or an Error. Expected outcomes travel in it; an exception in fob means a bug or a failed
// start.
#pragma once

#include "ipc/base/error.hpp"

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace fob {

template <class T>
using Result = boost::system::result<T, Error>;

/// `return fail(ErrorCode::tls, "…")` from any function that returns a Result.
inline Error fail(ErrorCode code, std::string detail) { return Error{code, std::move(detail)}; }

/// What Result::value() throws where a caller did not look first: a bug, so main prints it and the program
/// ends.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  throw std::logic_error(std::string(where.file_name()) + ": unexpected error: " + error.detail);
}

}  // namespace fob
