"""What others take that keep a token or a secret for local programs, beside fob over a new connection."""
import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from figures import Goal, compared, missing
from stage import SERVER_CORE, NotMeasured, as_server, program, wait_until

OIDC = "a token, beside oidc-agent"
OIDC_MEANING = "How many times faster: fob over a new connection; oidc-agent by its C library, with the token at hand."
OIDC_GOAL = Goal(6, at_least=True)
KEYRING = "a token, beside the desktop's keyring"
KEYRING_MEANING = ("How many times faster: fob over a new connection; a look-up of one item of the same size in gnome-keyring by libsecret, "
                   "over D-Bus.")
KEYRING_GOAL = Goal(20, at_least=True)
# Unlocks a keyring that is made for it, then becomes the benchmark.
KEYRING_SESSION = ('eval "$(printf "password\\n" | gnome-keyring-daemon --unlock --components=secrets 2>/dev/null)"; '
                   'exec "$0" "$@"')


def need(*commands):
    for command in commands:
        if shutil.which(command) is None:
            raise NotMeasured(f"{command} is not installed")


def private_environment(directory):
    """A home of its own, so that nobody's agent or keyring is touched."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(directory)}
    for name in ("XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "TMPDIR"):
        environment[name] = str(directory / name)
        Path(environment[name]).mkdir(mode=0o700)
    return environment


@contextlib.contextmanager
def running(words, **options):
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


def oidc_agent(stage, fob, length):
    need("oidc-agent", "oidc-gen")
    directory = stage.directory / "oidc"
    directory.mkdir(mode=0o700)
    environment = {**private_environment(directory), "OIDC_SOCK": str(directory / "agent.sock"), "OIDC_ENCRYPTION_PW": "password"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    with running([sys.executable, Path(__file__).parent / "oidc_issuer.py"], stdout=subprocess.PIPE, text=True) as issuer, \
         running(["taskset", "-c", str(SERVER_CORE), "oidc-agent", "-d", "-a", environment["OIDC_SOCK"]], **quiet):
        url = f"http://127.0.0.1:{issuer.stdout.readline().strip()}"
        wait_until(Path(environment["OIDC_SOCK"]).exists, "oidc-agent starts")
        made = subprocess.run(["oidc-gen", "bench", "--manual", "--iss", url, "--client-id", "c", "--client-secret", "s", "--rt", "r",
                               "--flow=refresh", "--scope", "openid offline_access", "--pw-env", "--confirm-default", "--prompt=none"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
        if made.returncode != 0:
            raise NotMeasured("oidc-gen: " + (made.stderr or made.stdout).strip())
        return program("bench_oidc_agent", {"fob": fob, "account": "bench", "core": SERVER_CORE, **length}, environment)


def keyring(stage, fob, secret_size, length):
    need("dbus-run-session", "gnome-keyring-daemon")
    directory = stage.directory / "keyring"
    directory.mkdir(mode=0o700)
    around = ["dbus-run-session", "--", "taskset", "-c", str(SERVER_CORE), "bash", "-c", KEYRING_SESSION]
    spec = {"fob": fob, "secret_size": secret_size, "core": SERVER_CORE, **length}
    return program("bench_keyring", spec, private_environment(directory), around)


def measure(stage, quick):
    installation = stage.started("agents")
    fob = as_server("fob", installation.runtime / "fob.sock")
    size = len(installation.app.token()[1]["access_token"])
    length = {"rounds": 10 if quick else 40, "repeats": 50}
    try:
        yield compared(OIDC, OIDC_MEANING, oidc_agent(stage, fob, length), "oidc-agent", OIDC_GOAL, inverted=True,
                       ways={"oidc-agent": "oidc-agent"})
    except NotMeasured as reason:
        yield missing(OIDC, OIDC_MEANING, reason, OIDC_GOAL)
    try:
        yield compared(KEYRING, KEYRING_MEANING, keyring(stage, fob, size, length), "libsecret", KEYRING_GOAL, inverted=True,
                       ways={"libsecret": "the desktop's keyring"})
    except NotMeasured as reason:
        yield missing(KEYRING, KEYRING_MEANING, reason, KEYRING_GOAL)
