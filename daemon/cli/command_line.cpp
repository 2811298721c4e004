#include "daemon/cli/command_line.hpp"

#include "daemon/cli/asked_promotion.hpp"
#include "daemon/cli/audit_command.hpp"
#include "daemon/cli/config_commands.hpp"
#include "daemon/cli/credential_commands.hpp"
#include "daemon/cli/daemon_commands.hpp"
#include "daemon/cli/doctor_command.hpp"
#include "daemon/cli/explain_command.hpp"
#include "daemon/cli/fleet_command_line.hpp"
#include "daemon/cli/speech.hpp"
#include "daemon/cli/token_commands.hpp"
#include "daemon/cli/watch_command.hpp"
#include "daemon/config/location_arguments.hpp"
#include "ipc/wire/limits.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

#include <algorithm>
#include <limits>
#include <memory>
#include <sstream>
#include <unistd.h>

namespace fob::cli {
namespace {

std::string exit_statuses() {
  std::string list;
  for (const auto& [status, meaning] : k_exit_statuses)
    list += (status == 5    ? ",\n"
             : list.empty() ? ""
                            : ", ") +
            std::to_string(status) + " " + std::string(meaning);
  return "Exit status: " + list + ".";
}

constexpr const char* k_add_story =
    "The credential is tried first, by one exchange. One that the authority refuses changes nothing\n"
    "(exit status 6). A first one that cannot be tried now is stored all the same, with a warning. With\n"
    "neither --file nor -, stdin is read; a terminal is asked, without echo. In the system installation\n"
    "this enables the profile's exchanger too.";

constexpr const char* k_rotate_story =
    "The new credential is tried first, by one exchange, and takes the old one's place when the\n"
    "authority accepts it. One that is refused or cannot be tried changes nothing. With --no-trial it is\n"
    "staged: its first success puts it in force, a refusal leaves the old one there. With neither --file\n"
    "nor -, stdin is read; a terminal is asked, without echo.";

constexpr const char* k_doctor_story =
    "Looks at configuration, permissions, sockets, daemon, store, key, clock, DNS, proxy, TLS, endpoint,\n"
    "credential, scopes, token, grants, units, sandbox and versions, and changes nothing. Endpoints are\n"
    "visited without a credential. As root or fobd's user it sees more. What it prints holds no secret, no\n"
    "token and no client id. Exits 0 where nothing failed, else with the status of the first failure.\n"
    "--json prints one object: version, at, verdict (pass, warn or fail) and checks, an array of objects\n"
    "with check, verdict (pass, warn, fail or skip), what and mend (a command, or null).";

constexpr const char* k_list_json =
    "--json prints one array of objects: profile, slot (current, next or previous), version (a number),\n"
    "client_id_fingerprint (8 hex digits), stored_at (RFC 3339, UTC), age_s, untested (staged without a\n"
    "trial), bundle_serial (of the fleet bundle that brought it, or null) and store.";

// CLI11 leaves an argument that was not given empty.
std::optional<std::string> if_given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// In CLI11's manner: nothing where the text will do, else what is wrong with it.
std::string is_min_ttl(const std::string& text) {
  constexpr std::int64_t k_most = std::chrono::seconds(wire::k_max_min_ttl).count();
  double value = -1;
  if (CLI::detail::lexical_cast(text, value) && value >= 0 && value <= static_cast<double>(k_most)) return "";
  return "this must be a number of seconds from 0 to " + std::to_string(k_most);
}

// CLI11 has no word for what stands behind "--".
class ProgramBehindDashes : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override {
    const std::string usage = CLI::Formatter::make_usage(app, std::move(name));
    return usage.substr(0, usage.find_last_not_of('\n') + 1) + " -- CMD…\n";
  }
};

// The table of commands, as CLI11 takes it, and the place where their arguments land.
class Commands {
 public:
  Commands() {
    app_.fallthrough();
    app_.set_version_flag("--version", std::string("fob ") + FOB_VERSION);
    config::add_location_arguments(app_, flags_);
    add_token();
    gather("Tokens");
    add_credential();
    fleet_.add_to(app_, [this](Command command) { chosen_ = std::move(command); });
    gather("Credentials");
    add_daemon();
    add_access();
    gather("The daemon");
    add_config();
    gather("Configuration");
    app_.require_subcommand(1);
    // Last, since CLI11 hands it down to commands that are added after it.
    app_.footer(std::string(config::k_default_places) + "\n\n" + exit_statuses());
  }

  Result<CommandLine> parse(std::vector<std::string> arguments);
  const CLI::App& table() const { return app_; }

 private:
  void add_credential();
  CLI::App* add_enrolment(CLI::App& credential, const std::string& name, Purpose purpose,
                          const std::string& help);
  void add_promotion(CLI::App& credential);
  void add_token();
  void add_daemon();
  void add_access();
  void add_config();
  CLI::App* add(CLI::App& to, const std::string& name, const std::string& help, Command command) {
    CLI::App* added = to.add_subcommand(name, help);
    added->callback([this, command] { chosen_ = command; });
    return added;
  }
  // Under this heading `fob --help` shows the commands that have been added since the last.
  void gather(const std::string& heading) {
    const auto has_none = [](CLI::App* command) { return command->get_group() == "Subcommands"; };
    for (CLI::App* command : app_.get_subcommands(has_none)) command->group(heading);
  }
  Error explain(const CLI::ParseError& error) const;
  const CLI::App* innermost() const;

  CLI::App app_{"fob hands out short-lived access tokens and keeps the long-lived secret to itself.", "fob"};
  config::LocationFlags flags_;
  std::string profile_;
  std::string file_;
  std::string dash_;
  std::string to_;
  bool force_ = false;
  bool without_trial_ = false;
  std::uint64_t version_ = 0;
  bool if_untested_ = false;
  bool asked_ = false;
  bool json_ = false;
  bool header_ = false;
  bool follow_ = false;
  std::string as_;
  std::int64_t pid_ = 0;
  double min_ttl_ = -1;
  std::vector<std::string> program_;  ///< what stands behind "--"
  FleetCommands fleet_;
  Command chosen_;
};

CLI::App* Commands::add_enrolment(CLI::App& credential, const std::string& name, Purpose purpose,
                                  const std::string& help) {
  CLI::App* enrol = add(credential, name, help, [this, purpose](const Context& context) {
    const bool from_stdin = !dash_.empty();
    return enrol_credential(purpose, {profile_, if_given(from_stdin ? "-" : file_), !without_trial_},
                            context);
  });
  enrol->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("")->required();
  CLI::Option* dash = enrol->add_option("STDIN", dash_, "A -: read the downloaded file from stdin");
  dash->type_name("");
  // The text of a failed check names no value, since this is where a secret would stand by mistake.
  dash->check([](const std::string& text) {
    return text == "-" ? "" : "only a - may stand there; a secret is never taken from the command line";
  });
  enrol->add_option("--file", file_, "The file downloaded from the portal, in any known form; - is stdin")
      ->type_name("FILE")
      ->excludes(dash);
  enrol->add_flag("--no-trial", without_trial_, "No trial: the first exchange with it decides");
  return enrol;
}

void Commands::add_credential() {
  CLI::App& credential = *app_.add_subcommand("credential", "Enrol, rotate and look at credentials");
  add_enrolment(credential, "add", Purpose::add, "Enrol a profile's first credential")->footer(k_add_story);
  add_enrolment(credential, "rotate", Purpose::rotate,
                "Replace a profile's credential, and wait for a token with the new one")
      ->footer(k_rotate_story);
  add_promotion(credential);
  CLI::App* rollback =
      add(credential, "rollback", "Put the previous credential in force again, and wait for a token with it",
          [this](const Context& context) { return roll_back_credential(profile_, context); });
  rollback->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("")->required();
  rollback->footer("The same command undoes it. One that is staged without a trial is forgotten.");
  CLI::App* migrate =
      add(credential, "migrate", "Move a profile's credentials to another store",
          [this](const Context& context) { return migrate_credential(profile_, to_, context); });
  migrate->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("")->required();
  migrate->add_option("--to", to_, "systemd-creds, secret-service or file")->type_name("STORE")->required();
  migrate->footer(
      "The copy there is read back and compared before the old one is deleted. The next rotation goes\n"
      "where `store` in [daemon] says.");
  CLI::App* remove =
      add(credential, "remove", "Forget all of a profile's credentials",
          [this](const Context& context) { return remove_credential(profile_, force_, context); });
  remove->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("")->required();
  remove->add_flag("--force", force_,
                   "Also what cannot be read now: a locked keyring, a key or a TPM that is gone");
  remove->footer(
      "fobd drops the profile's token as well. Deactivate the credential in the portal too, if nothing\n"
      "else uses it.");
  CLI::App* list =
      add(credential, "list", "Show which credentials are stored, how old and where; never a secret",
          [this](const Context& context) { return list_credentials(json_, context); });
  list->add_flag("--json", json_, "As JSON");
  list->footer(k_list_json);
  credential.require_subcommand(1);
}

void Commands::add_promotion(CLI::App& credential) {
  CLI::App* promote = add(credential, "promote", "Put the staged credential in force, tried or not",
                          [this](const Context& context) -> Result<int> {
                            if (asked_) return answer_promotion(STDIN_FILENO, STDOUT_FILENO, context);
                            return promote_credential(
                                profile_, if_untested_ ? std::optional(version_) : std::nullopt, context);
                          });
  CLI::Option* profile =
      promote->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("")->required();
  promote->footer("`fob credential list` shows what is staged. It waits for a token with the new one.");
  // For fobd, which has got a token with it and may not write to the store.
  CLI::Option* version = promote->add_option("--version", version_)->group("");
  CLI::Option* if_untested = promote->add_flag("--if-untested", if_untested_)->group("")->needs(version);
  // The same, asked by a line on stdin.
  CLI::Option* asked = promote->add_flag_callback("--asked", [this, profile] {
    if (!profile->empty()) throw CLI::ExcludesError("--asked", "PROFILE");
    asked_ = true;
    profile->required(false);
  });
  asked->group("")->excludes(version)->excludes(if_untested);
}

void Commands::add_token() {
  using std::chrono::milliseconds;
  CLI::App* token = add(app_, "token", "Print an access token", [this](const Context& context) {
    const auto min_ttl =
        min_ttl_ < 0 ? std::nullopt : std::optional(milliseconds(static_cast<std::int64_t>(min_ttl_ * 1000)));
    const TokenForm form = json_ ? TokenForm::json : header_ ? TokenForm::header : TokenForm::bare;
    return print_token({if_given(profile_), min_ttl, form}, context);
  });
  token->add_option("PROFILE", profile_, "Left out: the only one granted, or the default")->type_name("");
  token->add_option("--min-ttl", min_ttl_, "Refresh first if it lives for less than this many seconds")
      ->type_name("SECONDS")
      ->check(is_min_ttl);
  CLI::Option* json =
      token->add_flag("--json", json_, "The whole answer, with lifetime, scopes and fingerprint");
  token->add_flag("--header", header_, "As a header: Authorization: Bearer …")->excludes(json);
  token->footer(
      "It goes to stdout and nowhere else. So it stays out of the list of processes:\n\n"
      "  fob token --header |\n"
      "      curl -H @- https://api.multiset.ai/v1/vps/map");

  CLI::App* exec = add(app_, k_runs_a_program, "Run a program with a token in its environment",
                       [this](const Context& context) {
                         return exec_with_token({if_given(profile_), program_}, context);
                       });
  exec->formatter(std::make_shared<ProgramBehindDashes>());
  exec->add_option("PROFILE", profile_, "Left out: the only one granted, or the default")->type_name("");
  exec->footer(
      "CMD stands behind the --, and runs in fob's place with FOB_TOKEN, FOB_SOCKET and FOB_PROFILE\n"
      "in its environment:\n\n"
      "  fob exec prod-query -- ./app --its-option\n\n"
      "The token is not renewed there: what runs on asks at FOB_SOCKET. Core dumps are off, since they\n"
      "would hold the token. Exit status: CMD's own; 127 if there is no CMD, 126 if it cannot be run.");

  CLI::App* watch = add(app_, "watch", "Show each new token, and why there is none, as it happens",
                        [this](const Context& context) {
                          return cli::watch({if_given(profile_), json_}, context);
                        });
  watch->add_option("PROFILE", profile_, "Left out: the only one granted, or the default")->type_name("");
  watch->add_flag("--json", json_, "One JSON object a line; never a token");
  watch->footer(
      "Tokens are shown by their fingerprints. It ends when it is interrupted, or the profile is taken\n"
      "away; not when fobd restarts.");
}

void Commands::add_daemon() {
  CLI::App* status = add(app_, "status", "Show fobd's profiles, tokens and refreshes; for operators",
                         [this](const Context& context) {
                           return follow_ ? watch_status(context) : show_status(json_, context);
                         });
  CLI::Option* json = status->add_flag("--json", json_, "As JSON, as fobd says it");
  status->add_flag("--watch", follow_, "Go on showing it, until Ctrl-C")->excludes(json);
  CLI::App* doctor = add(app_, "doctor", "Find what is wrong, and say the command that mends it",
                         [this](const Context& context) { return run_doctor(json_, context); });
  doctor->add_flag("--json", json_, "As JSON");
  doctor->footer(k_doctor_story);
  CLI::App* refresh =
      add(app_, "refresh", "Have fobd get a new token now, and wait for it; for operators",
          [this](const Context& context) { return cli::refresh(if_given(profile_), context); });
  refresh->add_option("PROFILE", profile_, "Left out: the only one configured, or the default")
      ->type_name("");
  refresh->footer("Exits 0 only when a new token is in force.");
  add(app_, "reload", "Have fobd read its configuration again; for operators", cli::reload)
      ->footer("A wrong configuration leaves the one before in force (exit status 7).");
}

// Who may have what, and who asked.
void Commands::add_access() {
  CLI::App* explain =
      add(app_, "explain", "Say why a process may or may not have a token; for operators",
          [this](const Context& context) -> Result<int> {
            if (pid_ == 0 && as_.empty())
              return fail(ErrorCode::usage, "say which process: fob explain --pid N, or --as user=NAME");
            return explain_grants(
                {pid_ == 0 ? std::nullopt : std::optional(pid_), if_given(as_), if_given(profile_), json_},
                context);
          });
  CLI::Option* pid =
      explain->add_option("--pid", pid_, "The process, as it would be judged if it connected now")
          ->type_name("PID")
          ->check(
              CLI::Range(std::int64_t{1}, std::int64_t{std::numeric_limits<pid_t>::max()}).description(""));
  explain
      ->add_option("--as", as_,
                   "One that is only described: user=NAME,unit=UNIT,…, in the words of a [[grant]]")
      ->type_name("FACTS")
      ->excludes(pid);
  explain->add_option("--profile", profile_, "Of this profile alone")->type_name("PROFILE");
  explain->add_flag("--json", json_, "As JSON");
  explain->footer(
      "--pid or --as says which process. Of each profile it is told by which grant the process may have\n"
      "it, or what of each grant does not hold. The exit status is 0 whatever the decision.");
  CLI::App* audit = add(app_, "audit", "Show who asked for what, and what was decided; for operators",
                        [this](const Context& context) {
                          return show_audit({follow_, json_}, context);
                        });
  audit->add_flag("--follow,-f", follow_, "Go on with each new one as it happens");
  audit->add_flag("--json", json_, "One JSON object a line");
  audit->footer(
      "fobd keeps the last 1024 records. What is the same within a minute is one record and a count.\n"
      "Under systemd they are in the journal too:\n\n"
      "  journalctl -u fob FOB_DECISION=refused");
}

void Commands::add_config() {
  CLI::App& config = *app_.add_subcommand("config", "Look at the configuration");
  add(config, "check", "Say whether it is fine, or what is wrong in which line; touches nothing",
      check_config);
  add(config, "show", "Show what the files come to, defaults filled in, as TOML with each key's meaning",
      show_config)
      ->footer("What fobd goes by may be older, see `fob reload`. Passwords of proxies are hidden.");
  add(config, "profiles", "The profiles' names, for completion", list_profiles)->group("");
  config.require_subcommand(1);
}

const CLI::App* Commands::innermost() const {
  const CLI::App* app = &app_;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

// What cannot be told apart from a mistyped secret is not repeated: of an option its name, of the rest
// nothing.
Error Commands::explain(const CLI::ParseError& error) const {
  std::string path;
  for (const CLI::App* app = innermost(); app != nullptr; app = app->get_parent())
    path = app->get_name() + (path.empty() ? "" : " ") + path;
  std::string what = error.what();
  const auto extras = app_.remaining(true);
  const auto option = std::find_if(extras.begin(), extras.end(),
                                   [](const std::string& extra) { return extra.starts_with("--"); });
  const int kind = error.get_exit_code();
  if (option != extras.end()) {
    what = "unknown option " + option->substr(0, option->find('='));
  } else if (kind == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    what = "there is an argument too many";
  } else if (kind == static_cast<int>(CLI::ExitCodes::RequiredError) && innermost() == &app_) {
    what = extras.empty() ? "say what to do, as in: fob status" : "unknown command";
  }
  return fail(ErrorCode::usage, what + "; see: " + path + " --help");
}

Result<CommandLine> Commands::parse(std::vector<std::string> arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const bool has_program = dashes != arguments.end();
  if (has_program) program_.assign(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app_.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return explain(error);
    std::ostringstream text;
    app_.exit(error, text, text);
    return CommandLine{flags_, [shown = text.str()](const Context&) -> Result<int> {
                         if (auto printed = print(shown); !printed) return printed.error();
                         return 0;
                       }};
  }
  const bool is_exec = app_.got_subcommand(k_runs_a_program);
  if (is_exec && program_.empty())
    return fail(ErrorCode::usage, "name the program to run behind --, as in: fob exec -- CMD");
  if (has_program && !is_exec) return fail(ErrorCode::usage, "only `fob exec` takes --; see: fob --help");
  return CommandLine{flags_, chosen_};
}

}  // namespace

Result<CommandLine> parse_command_line(std::vector<std::string> arguments) {
  const auto commands = std::make_shared<Commands>();
  auto line = commands->parse(std::move(arguments));
  if (!line) return line;
  // The command reads its arguments where CLI11 put them, so these live as long as it does.
  line->command = [commands, command = std::move(line->command)](const Context& context) {
    return command(context);
  };
  return line;
}

std::shared_ptr<const CLI::App> argument_table() {
  const auto commands = std::make_shared<Commands>();
  return {commands, &commands->table()};
}

}  // namespace fob::cli
