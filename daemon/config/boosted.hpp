// A text as Boost.URL takes it.
#pragma once

#include <boost/core/detail/string_view.hpp>

#include <string_view>

namespace fob::config {

inline boost::core::string_view boosted(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace fob::config
