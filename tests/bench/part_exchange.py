"""An exchange by fob-exchange as fobd starts it, beside the same request by a bare program with libcurl."""
import json
import os
import shutil
import subprocess

from figures import Goal, compared, missing
from stage import BIN, CLIENT_CORE, NotMeasured, program

WHAT = "an exchange"
MEANING = ("Whole processes: fob-exchange, which reads configuration and vault, confines itself, and trusts all of the system's CAs; and a bare "
           "libcurl program that is given the credential and trusts only the one CA. Both to an authority on the same machine, over TLS.")
GOAL = Goal(1.15)
SYSTEM_CAS = "/etc/ssl/certs"
# In a mount namespace of its own, so that the machine's own CAs stay as they are.
WITH_CAS = f'mount --bind "$1" {SYSTEM_CAS} && exec "$2" "$3"'
LINE = json.dumps({"v": 1, "profile": "prod-query", "slot": "current"}) + "\n"


def system_cas_and(ca_file, directory):
    """A copy of the system's CAs with one more, found as OpenSSL finds them: by the hash of its name."""
    shutil.copytree(SYSTEM_CAS, directory, symlinks=True)
    done = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", ca_file], capture_output=True, text=True, check=True)
    shutil.copy(ca_file, directory / f"{done.stdout.strip()}.0")


def without_ca_file(installation):
    lines = installation.config.read_text().splitlines(keepends=True)
    installation.configure("".join(line for line in lines if not line.startswith("ca_file")))


def exchanges(stage, quick):
    if os.geteuid() != 0:
        raise NotMeasured("adding a CA in a mount namespace needs root")
    cas = stage.directory / "cas"
    system_cas_and(stage.sandbox.ca_file, cas)
    installation = stage.enrolled("exchange")
    without_ca_file(installation)
    pair = f"{stage.credential['clientId']}:{stage.credential['clientSecret']}"
    commands = [
        {"name": "fob", "words": [str(BIN / "fob-exchange"), *installation.flags()], "input": LINE, "output_has": '"ok":true'},
        {"name": "bare libcurl", "words": [str(BIN / "bench_bare_exchange"), stage.sandbox.url + "/v1/m2m/token", stage.sandbox.ca_file, pair],
         "output_has": "token"}]
    spec = {"core": CLIENT_CORE, "commands": commands, "rounds": 20 if quick else 100, "repeats": 5}
    return program("bench_processes", spec, around=["unshare", "--mount", "sh", "-c", WITH_CAS, "sh", str(cas)])


def measure(stage, quick):
    try:
        yield compared(WHAT, MEANING, exchanges(stage, quick), "bare libcurl", GOAL,
                       ways={"fob": "fob-exchange, to the authority", "bare libcurl": "bare libcurl, to the authority"})
    except NotMeasured as reason:
        yield missing(WHAT, MEANING, reason, GOAL)
