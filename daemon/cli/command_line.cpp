#include "daemon/cli/command_line.hpp"

#include "daemon/cli/asked_promotion.hpp"
#include "daemon/cli/audit_command.hpp"
#include "daemon/cli/config_commands.hpp"
#include "daemon/cli/credential_commands.hpp"
#include "daemon/cli/daemon_commands.hpp"
#include "daemon/cli/explain_command.hpp"
#include "daemon/cli/fleet_command_line.hpp"
#include "daemon/cli/speech.hpp"
#include "daemon/cli/token_commands.hpp"
#include "daemon/cli/watch_command.hpp"
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

constexpr const char* k_exit_statuses =
    "Exit status: 0 done, 2 usage, 3 daemon not running, 4 not granted, 5 no valid token,\n"
    "6 credential rejected, 7 configuration, 8 store, 1 anything else.";

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

// The table of commands, as CLI11 takes it, and the place where their arguments land.
class Commands {
 public:
  Commands() {
    app_.fallthrough();
    app_.set_version_flag("--version", std::string("fob ") + FOB_VERSION);
    app_.add_option("--config", flags_.config, "Configuration file (FOB_CONFIG)")->type_name("FILE");
    app_.add_option("--runtime-dir", flags_.runtime_dir, "Directory of fobd's sockets (FOB_RUNTIME_DIR)")
        ->type_name("DIR");
    app_.add_option("--state-dir", flags_.state_dir, "Directory of what fob keeps (FOB_STATE_DIR)")
        ->type_name("DIR");
    app_.footer(k_exit_statuses);
    add_credential();
    add_token();
    add_daemon();
    add_access();
    add_config();
    fleet_.add_to(app_, [this](Command command) { chosen_ = std::move(command); });
    app_.require_subcommand(1);
  }

  Result<CommandLine> parse(std::vector<std::string> arguments);

 private:
  void add_credential();
  void add_enrolment(CLI::App& credential, const std::string& name, Purpose purpose, const std::string& help);
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

void Commands::add_enrolment(CLI::App& credential, const std::string& name, Purpose purpose,
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
}

void Commands::add_credential() {
  CLI::App& credential = *app_.add_subcommand("credential", "Enrol, rotate and look at credentials");
  add_enrolment(credential, "add", Purpose::add, "Enrol a profile's first credential");
  add_enrolment(credential, "rotate", Purpose::rotate,
                "Replace a profile's credential, and wait for a token with the new one");
  const auto named = [&](const std::string& name, const std::string& help,
                         Result<int> (*run)(const std::string&, const Context&)) {
    add(credential, name, help, [this, run](const Context& context) { return run(profile_, context); })
        ->add_option("PROFILE", profile_, "Profile in fob.toml")
        ->type_name("")
        ->required();
  };
  add_promotion(credential);
  named("rollback", "Put the previous credential in force again", roll_back_credential);
  CLI::App* migrate =
      add(credential, "migrate", "Move a profile's credentials to another store",
          [this](const Context& context) { return migrate_credential(profile_, to_, context); });
  migrate->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("")->required();
  migrate->add_option("--to", to_, "systemd-creds, secret-service or file")->type_name("STORE")->required();
  CLI::App* remove =
      add(credential, "remove", "Forget all of a profile's credentials",
          [this](const Context& context) { return remove_credential(profile_, force_, context); });
  remove->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("")->required();
  remove->add_flag("--force", force_,
                   "Also what cannot be read now: a locked keyring, a key or a TPM that is gone");
  CLI::App* list = add(credential, "list", "Show what is stored; never a secret",
                       [this](const Context& context) { return list_credentials(json_, context); });
  list->add_flag("--json", json_, "As JSON");
  list->footer(k_list_json);
  credential.require_subcommand(1);
}

void Commands::add_promotion(CLI::App& credential) {
  CLI::App* promote = add(
      credential, "promote", "Put the staged credential in force",
      [this](const Context& context) -> Result<int> {
        if (asked_) return answer_promotion(STDIN_FILENO, STDOUT_FILENO, context);
        if (profile_.empty())
          return fail(ErrorCode::usage, "PROFILE is required; see: fob credential promote --help");
        return promote_credential(profile_, if_untested_ ? std::optional(version_) : std::nullopt, context);
      });
  CLI::Option* profile = promote->add_option("PROFILE", profile_, "Profile in fob.toml")->type_name("");
  // For fobd, which has got a token with it and may not write to the store.
  CLI::Option* version = promote->add_option("--version", version_)->group("");
  CLI::Option* if_untested = promote->add_flag("--if-untested", if_untested_)->group("")->needs(version);
  // The same, asked by a line on stdin.
  CLI::Option* asked = promote->add_flag("--asked", asked_)->group("");
  asked->excludes(profile)->excludes(version)->excludes(if_untested);
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
      ->type_name("S")
      ->check(is_min_ttl);
  CLI::Option* json =
      token->add_flag("--json", json_, "The whole answer, with lifetime, scopes and fingerprint");
  token->add_flag("--header", header_, "As a header: Authorization: Bearer …")->excludes(json);

  CLI::App* exec = add(app_, "exec", "Run a program with a token: fob exec [PROFILE] -- CMD…",
                       [this](const Context& context) {
                         return exec_with_token({if_given(profile_), program_}, context);
                       });
  exec->add_option("PROFILE", profile_, "Left out: the only one granted, or the default")->type_name("");
  exec->footer(
      "CMD runs in fob's place, with FOB_TOKEN, FOB_SOCKET and FOB_PROFILE in its environment.\n"
      "Its core dumps are off, since they would hold the token.\n"
      "Exit status: CMD's own; 127 if there is no CMD, 126 if it cannot be run.");
}

void Commands::add_daemon() {
  CLI::App* watch = add(app_, "watch", "Show each new token, and why there is none, as it happens",
                        [this](const Context& context) {
                          return cli::watch({if_given(profile_), json_}, context);
                        });
  watch->add_option("PROFILE", profile_, "Left out: the only one granted, or the default")->type_name("");
  watch->add_flag("--json", json_, "One JSON object a line; never a token");
  CLI::App* refresh =
      add(app_, "refresh", "Have fobd get a new token now, and wait for it",
          [this](const Context& context) { return cli::refresh(if_given(profile_), context); });
  refresh->add_option("PROFILE", profile_, "Left out: the only one configured, or the default")
      ->type_name("");
  add(app_, "reload", "Have fobd read its configuration again", cli::reload);
  add(app_, "status", "Show fobd's profiles, tokens and refreshes; for operators",
      [this](const Context& context) { return show_status(json_, context); })
      ->add_flag("--json", json_, "As JSON");
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
          ->type_name("N")
          ->check(CLI::Range(std::int64_t{1}, std::int64_t{std::numeric_limits<pid_t>::max()}));
  explain
      ->add_option("--as", as_,
                   "One that is only described: user=NAME,unit=UNIT,…, in the words of a [[grant]]")
      ->type_name("FACTS")
      ->excludes(pid);
  explain->add_option("--profile", profile_, "Of this profile alone")->type_name("PROFILE");
  explain->add_flag("--json", json_, "As JSON");
  CLI::App* audit = add(app_, "audit", "Show who asked for what, and what was decided; for operators",
                        [this](const Context& context) {
                          return show_audit({follow_, json_}, context);
                        });
  audit->add_flag("--follow,-f", follow_, "Go on with each new one as it happens");
  audit->add_flag("--json", json_, "One JSON object a line");
  audit->footer(
      "fobd keeps the last 1024 records. What is the same within a minute is one record and a count.\n"
      "Under systemd they are in the journal too: journalctl -u fob FOB_DECISION=refused");
}

void Commands::add_config() {
  CLI::App& config = *app_.add_subcommand("config", "Look at the configuration");
  add(config, "check", "Say whether it is fine, touching nothing", check_config);
  add(config, "show", "Show what is in force, defaults filled in", show_config);
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
  const bool is_exec = app_.got_subcommand("exec");
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

}  // namespace fob::cli
