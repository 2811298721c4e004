// Heads on their way through: what is about one connection alone stays behind (RFC 9110 §7.6.1), as does what
// is the browser's business with us; the token is put in on the way there and nowhere else.
#pragma once

#include "daemon/config/config.hpp"
#include "daemon/gateway/answers.hpp"
#include "daemon/gateway/upstream.hpp"

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>

#include <string>
#include <string_view>

namespace fob::gateway {

namespace http = boost::beast::http;

inline std::string_view view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

UpstreamRequest to_upstream(const config::Gateway& settings, const http::request<http::buffer_body>& request,
                            const std::string& token);

/// Status and headers. How the body is delimited is the caller's to say.
void to_app(const UpstreamAnswer& answer, http::response<http::buffer_body>& response);

/// 502 or 504, in words.
Answer failure_of_upstream(const Error& error);

}  // namespace fob::gateway
