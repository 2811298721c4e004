#include "tests/authority/stats.hpp"

namespace fob::authority {

void Stats::reset() {
  const auto in_flight = token.in_flight;
  *this = Stats();
  token.in_flight = in_flight;
  token.most_in_flight = in_flight;
}

Json to_json(const Stats& stats) {
  return {{"token",
           {{"total", stats.token.total},
            {"issued", stats.token.issued},
            {"rejected", stats.token.rejected},
            {"malformed", stats.token.malformed},
            {"faulted", stats.token.faulted},
            {"in_flight", stats.token.in_flight},
            {"most_in_flight", stats.token.most_in_flight}}},
          {"api",
           {{"total", stats.api.total},
            {"accepted", stats.api.accepted},
            {"unauthorized", stats.api.unauthorized},
            {"out_of_scope", stats.api.out_of_scope},
            {"foreign_origin", stats.api.foreign_origin},
            {"malformed", stats.api.malformed},
            {"faulted", stats.api.faulted}}},
          {"redirects_followed", stats.redirects_followed},
          {"issued_by_client", stats.issued_by_client}};
}

}  // namespace fob::authority
