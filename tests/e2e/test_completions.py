"""The shells' completions as a person meets them: in a real bash with bash-completion, a real zsh and a real fish."""
import os
import pty
import re
import select
import signal
import subprocess
from pathlib import Path

import pytest

from fob import BIN, PATIENCE, wait_until

COMPLETIONS = Path(__file__).resolve().parents[2] / "docs/completions"
PROFILES = {"prod-query", "staging-write"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory to complete in. Beside it are a home and the configuration in force; in it is another one."""
    directory = tmp_path_factory.mktemp("completions") / "here"
    (directory / "folder").mkdir(parents=True)
    (directory.parent / "home").mkdir()
    for file, profiles in ((directory / "other.toml", ["elsewhere"]), (directory.parent / "fob.toml", sorted(PROFILES))):
        file.write_text("".join(f"[profile.{name}]\n" for name in profiles))
        file.chmod(0o600)
    return directory


@pytest.fixture(scope="module")
def environment(place):
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(place.parent / "home"), "FOB_CONFIG": str(place.parent / "fob.toml"),
            "TERM": "dumb", "LC_ALL": "C.UTF-8"}


BASH = r"""
source /usr/share/bash-completion/bash_completion
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_KEY=9
shift 2
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
# What the shell does for a completion function: options of the result are its own matter.
compopt() { :; }
complete_by=$(complete -p "$1") && complete_by=${complete_by#*-F } && "${complete_by%% *}" "$1" "${@: -1}" "${@: -2:1}"
printf '%s\n' "${COMPREPLY[@]}"
"""


class Bash:
    def __init__(self, environment, place):
        self.environment, self.place = environment, place

    def close(self):
        """Each question had a shell of its own."""

    def offers(self, line):
        # As readline takes a line apart: at blanks, and at = and : which are words of their own.
        words = [word for part in re.split(r" +", line) for word in (re.findall(r"[=:]+|[^=:]+", part) or [""])]
        words += [""] if line.endswith("=") else []
        program = Path(words[0]).name
        done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", COMPLETIONS / f"{program}.bash", line, *words], env=self.environment,
                              cwd=self.place, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.stderr == "", done.stderr
        return {word.rstrip("/ ") for word in done.stdout.splitlines() if word}


# Each match that is added is written down; that is all that is not zsh's own.
ZSH = r"""
PS1= PS2= RPS1=; unsetopt prompt_cr prompt_sp beep; zmodload zsh/zutil
fpath=($COMPLETIONS $fpath); autoload -Uz compinit; compinit -u -d $HOME/zcompdump
zstyle ':completion:*' list-grouped no
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -A hits "$@"; (( $#hits )) && print -rl -- $hits >> $HITS
  builtin compadd "$@"
}
offer() { : > $HITS; zle list-choices; mv $HITS $HITS.done; zle kill-whole-line }
zle -N offer; bindkey '^I' offer
cd $PLACE; : > $HITS.ready
"""


class Zsh:
    """One shell on a terminal of its own, asked line by line."""

    def __init__(self, environment, place):
        self.hits = place.parent / "hits"
        setup = place.parent / "setup.zsh"
        setup.write_text(ZSH)
        environment = {**environment, "HITS": str(self.hits), "PLACE": str(place), "COMPLETIONS": str(COMPLETIONS)}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], environment)
        os.write(self.terminal, f"source {setup}\n".encode())
        self.wait_for("ready")

    def wait_for(self, what):
        """Until the shell says so; what it writes meanwhile is read, so that it never waits for us."""
        file = Path(f"{self.hits}.{what}")

        def there():
            while select.select([self.terminal], [], [], 0)[0]:
                os.read(self.terminal, 65536)
            return file.exists()
        wait_until(there, f"zsh: {what}")
        text = file.read_text()
        file.unlink()
        return text

    def offers(self, line):
        os.write(self.terminal, line.encode() + b"\t")
        return {word.rstrip("/ ") for word in self.wait_for("done").splitlines()}

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


class Fish(Bash):
    def offers(self, line):
        script = "set -p fish_complete_path $argv[1]; complete -C $argv[2]"
        done = subprocess.run(["fish", "--no-config", "-c", script, COMPLETIONS, line], env=self.environment, cwd=self.place,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.stderr == "", done.stderr
        return {offer.split("\t")[0].rstrip("/ ") for offer in done.stdout.splitlines()}


@pytest.fixture(scope="module", params=[Bash, Zsh, Fish], ids=lambda shell: shell.__name__.lower())
def shell(request, environment, place):
    made = request.param(environment, place)
    yield made
    made.close()


def options_in(offers):
    """`--config=` and `--config` are one."""
    return {offer.rstrip("=") for offer in offers}


def test_commands_are_offered_and_hidden_ones_are_not(shell):
    assert shell.offers("fob cre") == {"credential"}
    assert {"token", "exec", "watch", "credential", "fleet", "status", "refresh", "reload", "explain", "audit", "config"} <= shell.offers("fob ")
    assert shell.offers("fob credential ") == {"add", "rotate", "promote", "rollback", "migrate", "remove", "list"}
    assert shell.offers("fob fleet re") == {"report"}
    assert shell.offers("fob config ") == {"check", "show"}


def test_the_options_of_a_command_are_offered(shell):
    assert options_in(shell.offers("fob token --h")) == {"--header", "--help"}
    assert options_in(shell.offers("fob credential add --f")) == {"--file"}
    assert options_in(shell.offers("fob credential add prod-query --no")) == {"--no-trial"}
    assert options_in(shell.offers("fob token --c")) == {"--config"}, "those of every command too"
    assert options_in(shell.offers("fob credential promote --")) == {"--config", "--runtime-dir", "--state-dir", "--help", "--version"}


def test_profiles_are_offered_by_name(shell):
    assert shell.offers("fob token ") == PROFILES
    assert shell.offers("fob credential rotate prod") == {"prod-query"}
    assert shell.offers("fob --state-dir folder credential add ") == PROFILES, "the value of an option is no command"
    assert shell.offers("fob explain --profile s") == {"staging-write"}
    assert not PROFILES & shell.offers("fob token prod-query "), "one is enough"


def test_profiles_are_those_of_the_configuration_that_the_line_names(shell):
    assert shell.offers("fob --config other.toml token ") == {"elsewhere"}
    assert shell.offers("fob token --config other.toml ") == {"elsewhere"}
    assert shell.offers("fob --config=other.toml token ") == {"elsewhere"}


def test_files_are_offered_where_a_file_is_taken(shell):
    assert {"other.toml", "folder"} <= shell.offers("fob --config ")
    assert "other.toml" in {offer.removeprefix("--file=") for offer in shell.offers("fob credential add prod-query --file=ot")}
    assert "other.toml" in shell.offers("fob fleet inspect ")
    assert "other.toml" in shell.offers("fob fleet report folder ")


def test_directories_alone_are_offered_where_a_directory_is_taken(shell):
    assert shell.offers("fob status --state-dir ") == {"folder"}


def test_words_are_offered_where_one_of_a_few_is_taken(shell):
    assert shell.offers("fob credential migrate prod-query --to ") == {"systemd-creds", "secret-service", "file"}


def test_nothing_is_offered_for_a_number(shell):
    assert shell.offers("fob token --min-ttl ") == set()


def test_behind_the_dashes_another_program_begins(shell):
    assert shell.offers("fob exec prod-query ") == {"--"}
    assert "sha256sum" in shell.offers("fob exec prod-query -- sha256s")
    assert "other.toml" in shell.offers("fob exec --config=other.toml -- cat oth")
    assert "credential" in shell.offers("fob exec -- fob cre")
    assert not {"token", "prod-query"} & shell.offers("fob token -- ")


@pytest.mark.parametrize("program,option", [("fobd", "--units"), ("fob-gateway", "--idle-after")])
def test_the_daemons_options_are_offered(shell, program, option):
    assert options_in(shell.offers(f"{program} {option[:4]}")) == {option}
    assert shell.offers(f"{program} --state-dir ") == {"folder"}


def test_without_a_configuration_nothing_is_said_and_nothing_offered(shell):
    assert shell.offers("fob --config missing.toml token ") == set()


def test_the_names_of_profiles_are_asked_for_quietly(installation):
    installation.configure("".join(f"[profile.{name}]\n" for name in sorted(PROFILES)))
    done = installation.fob("config", "profiles")
    assert (done.returncode, done.stdout, done.stderr) == (0, "".join(f"{name}\n" for name in sorted(PROFILES)), "")
    for wrong in ("[profile", None):
        installation.config.unlink()
        if wrong:
            installation.configure(wrong)
        done = installation.fob("config", "profiles")
        assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_a_configuration_named_on_the_line_runs_nothing(shell, place):
    shell.offers("fob --config '$(touch ran)' token ")
    shell.offers("fob --config `touch` token ")
    assert not (place / "ran").exists()
