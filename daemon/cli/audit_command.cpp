#include "daemon/cli/audit_command.hpp"

#include "daemon/cli/across_restarts.hpp"
#include "daemon/cli/speech.hpp"
#include "ipc/client/control_client.hpp"
#include "ipc/wire/limits.hpp"

namespace fob::cli {
namespace {

using wire::Json;

void add(std::string& line, std::string_view before, const std::string& text) {
  if (!text.empty()) line += std::string(before) + text;
}

std::string number(const Json& record, const char* name) {
  const auto value = wire::integer_member(record, name);
  return value ? std::to_string(*value) : "";
}

class AuditPrinter {
 public:
  explicit AuditPrinter(const AuditOptions& options) : options_(options) {}

  // False where it could not be printed.
  bool take(const Json& record) {
    const std::string line = options_.json ? wire::dump(record) : audit_record_line(record, may_colour());
    printed_ = print(line + "\n");
    return printed_.has_value();
  }
  bool take_event(const wire::Event& event) {
    const auto record = wire::parse_object(event.data, wire::k_max_answer, ErrorCode::internal);
    return !record || take(*record);
  }
  const Result<void>& printed() const { return printed_; }

 private:
  const AuditOptions& options_;
  Result<void> printed_;
};

Result<int> show_kept(const client::ControlClient& fobd, AuditPrinter& printer) {
  const auto document = fobd.audit();
  if (!document) return document.error();
  const auto parsed = wire::parse_object(*document, wire::k_max_answer, ErrorCode::internal);
  if (!parsed) return fail(ErrorCode::internal, "fobd's audit cannot be read: " + parsed.error().detail);
  const auto records = parsed->find("records");
  if (records == parsed->end() || !records->is_array())
    return fail(ErrorCode::internal, "fobd's audit has no records; is fobd of another version than fob?");
  for (const auto& record : *records)
    if (record.is_object() && !printer.take(record)) return printer.printed().error();
  return 0;
}

Result<int> follow(const client::ControlClient& fobd, AuditPrinter& printer) {
  const auto followed =
      follow_across_restarts([&](const TakeEvent& taken) { return fobd.follow_audit(taken); },
                             [&](const wire::Event& event) { return printer.take_event(event); });
  if (!printer.printed()) return printer.printed().error();
  if (!followed) return followed.error();
  return 0;
}

}  // namespace

std::string audit_record_line(const Json& record, bool coloured) {
  const std::string decision = wire::shown_member(record, "decision");
  std::string line = wire::shown_member(record, "at") + "  " +
                     painted(decision, decision == "granted" ? Colour::good : Colour::bad, coloured) + "  " +
                     wire::shown_member(record, "what");
  add(line, " of ", wire::shown_member(record, "profile"));
  add(line, "  pid ", number(record, "peer_pid"));
  add(line, " uid ", number(record, "peer_uid"));
  add(line, "  unit ", wire::shown_member(record, "peer_unit"));
  add(line, "  program ", wire::shown_member(record, "peer_exe"));
  add(line, "  grant ", number(record, "grant"));
  add(line, "  token ", wire::shown_member(record, "fingerprint"));
  add(line, "  ", wire::shown_member(record, "outcome"));
  add(line, "  because ", wire::shown_member(record, "why"));
  if (const auto repeats = number(record, "repeats"); !repeats.empty())
    line += "  (and " + repeats + " times more before)";
  return line;
}

Result<int> show_audit(const AuditOptions& options, const Context& context) {
  const client::ControlClient fobd(context.daemon_locations().control_socket(), context.clock);
  AuditPrinter printer(options);
  return options.follow ? follow(fobd, printer) : show_kept(fobd, printer);
}

}  // namespace fob::cli
