"""`fob token` as a process, beside a curl process."""
import shutil

from figures import Goal, compared, missing
from stage import BIN, CLIENT_CORE, program

LOCAL = "`fob token`, beside curl over the same socket"
REMOTE = "`fob token`, beside curl to the authority"
LOCAL_MEANING = "Whole processes: `fob token` and `curl -s --unix-socket … http://fob/v1/token`, which gets the same token."
REMOTE_MEANING = ("Whole processes: `fob token`, and the curl that a script without fob would run: a POST with the credential to the authority's "
                  "token endpoint on the same machine, over TLS.")
GOAL = Goal(0.25)


def measure(stage, quick):
    if shutil.which("curl") is None:
        yield missing(LOCAL, LOCAL_MEANING, "curl is not installed", GOAL)
        yield missing(REMOTE, REMOTE_MEANING, "curl is not installed", GOAL)
        return
    fob = stage.started("process")
    commands = [
        {"name": "fob", "words": [str(BIN / "fob"), *fob.flags(), "token"], "output_has": "."},
        {"name": "curl", "words": ["curl", "-s", "--unix-socket", str(fob.runtime / "fob.sock"), "http://fob/v1/token"],
         "output_has": "access_token"},
        {"name": "curl, TLS", "words": ["curl", "-s", "--cacert", stage.sandbox.ca_file, "-u",
                                        f"{stage.credential['clientId']}:{stage.credential['clientSecret']}",
                                        "-H", "Content-Type: application/json", "-d", "{}", stage.sandbox.url + "/v1/m2m/token"],
         "output_has": "token"}]
    rounds = program("bench_processes", {"core": CLIENT_CORE, "commands": commands, "rounds": 20 if quick else 100, "repeats": 5})
    yield compared(LOCAL, LOCAL_MEANING, rounds, "curl", GOAL, ways={"fob": "the command fob token", "curl": "the command curl, to fob's socket"})
    yield compared(REMOTE, REMOTE_MEANING, rounds, "curl, TLS", GOAL, ways={"curl, TLS": "the command curl, to the authority"})
