"""What each unit's context allows, proved by trying: a probe is started in the program's place, with the unit's own lines."""
import errno
import json
import re
import subprocess
import warnings
from pathlib import Path

import pytest

from fob import wait_until
from machine import reason_to_skip
from package import CONFIGURATION, PROFILE, Device

skipped_because = reason_to_skip("cpack", "dpkg-deb", "gcc")
pytestmark = [pytest.mark.native, pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))]

OTHER = "staging"
PROBE = "/opt/share/probe"
# Of a unit's lines, those that belong to the program in whose place the probe runs, and to when it does.
OF_THE_PROGRAM = r"^(Type|NotifyAccess|ExecStart|ExecReload|Restart|RestartSec|WatchdogSec|Requires|Wants|After|Also|WantedBy|StandardInput|StandardOutput|FileDescriptorStoreMax|Condition\w+|User=fob-x)\b.*\n"
OK = {0}
DENIED = {errno.EPERM, errno.EACCES}
HIDDEN = DENIED | {errno.ENOENT}
NO_FAMILY = DENIED | {errno.EAFNOSUPPORT}
NOT_WRITABLE = HIDDEN | {errno.EROFS}


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    made = Device(tmp_path_factory.mktemp("device"))
    try:
        subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", made.share / "probe", Path(__file__).parent / "probe.c"],
                       check=True)
        made.boot()
        made.install()
        made.machine.write("/etc/fob/fob.toml", CONFIGURATION + CONFIGURATION[:CONFIGURATION.index("[[grant]]")].replace(PROFILE, OTHER))
        made.must("systemctl", "reload", "fob")
        made.start_authority()
        for profile in (PROFILE, OTHER):
            credential = made.admin("POST", "/credentials", name=profile, scopes=["query"])
            done = made.machine.run("/usr/bin/fob", "credential", "add", profile, "-", stdin=json.dumps(credential))
            assert done.returncode == 0, (done.stderr, made.journal("--unit=fob"))
        yield made
    finally:
        made.close()


class Context:
    """A unit with the probe in it."""

    def __init__(self, device, unit, text):
        self.device, self.unit, self.text = device, "probe-" + unit, text

    def start(self, instance, *attempts):
        unit = self.unit + (instance if self.unit.endswith("@") else "") + ".service"
        text = self.text.replace("[Service]", f"[Service]\nType=exec\nExecStart={PROBE} {' '.join(attempts)}\n"
                                              f"StandardOutput=file:/run/{unit}.out\n")
        self.device.machine.write(f"/run/systemd/system/{self.unit}.service", text)
        self.device.must("systemctl", "daemon-reload")
        done = self.device.machine.enter("systemctl", "start", unit)
        assert done.returncode == 0, (done.stderr, self.device.journal())
        return unit


def context_of(device, unit):
    """The context of a unit of fob's."""
    text = device.must("cat", f"/lib/systemd/system/{unit}.service")
    text = re.sub(OF_THE_PROGRAM, "", text, flags=re.M)
    if not device.gives_user_namespaces():
        text = text.replace("PrivateUsers=yes\n", "")  # as fob-generator does
    return Context(device, unit, re.sub(r"^ExecPaths=", f"ExecPaths={PROBE} ", text, flags=re.M))


def tried(context, expected, instance=PROFILE):
    """Tries them all in this context; what did not come out as expected."""
    device = context.device
    started = context.start(instance, *expected)
    path = f"/run/{started}.out"
    lines = []

    def all_there():
        lines[:] = device.machine.enter("cat", path).stdout.splitlines()
        return len(lines) >= len(expected)
    wait_until(all_there, f"{started} tries all")
    device.must("rm", path)
    outcomes = {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in lines}
    return {attempt: errno.errorcode.get(outcomes[attempt], outcomes[attempt]) for attempt, allowed in expected.items()
            if outcomes[attempt] not in allowed}


def test_the_probe_may_do_it_all_where_nothing_stops_it(device):
    """Else that it fails elsewhere proves nothing."""
    namespaces = ["namespace"] if device.gives_user_namespaces() else []
    assert not tried(Context(device, "free", "[Service]\n"), {attempt: OK for attempt in (
        "root", "unix", "netlink", "inet", "inet6", "packet", "exec:/bin/true", f"read:/var/lib/fob/vault/{PROFILE}.cred", "read:/etc/shadow",
        "read:/proc/1/mem", "write:/run/fob/new", "write:/var/lib/new", "code", *namespaces)})


def test_the_broker_has_no_network_no_programs_no_store_and_no_one_elses_memory(device):
    init = device.show("fob.service", "MainPID")["MainPID"]
    assert not tried(context_of(device, "fob"), {
        "unix": OK, "netlink": OK, "inet": NO_FAMILY, "inet6": NO_FAMILY, "packet": NO_FAMILY, "vsock": NO_FAMILY,
        "exec:/bin/true": DENIED, "exec:/usr/bin/fob": DENIED, "exec:/usr/libexec/fob/fob-exchange": DENIED,
        "read:/etc/fob/fob.toml": OK, f"read:/var/lib/fob/vault/{PROFILE}.cred": HIDDEN, "read:/etc/shadow": DENIED,
        "read:/proc/1/mem": DENIED, "memory:1": DENIED, "trace:1": DENIED, f"read:/proc/{init}/environ": DENIED,
        "write:/etc/fob/new": NOT_WRITABLE, "write:/var/lib/new": NOT_WRITABLE, "write:/run/fob/new": NOT_WRITABLE,
        "read:/dev/mem": HIDDEN, "read:/dev/tpmrm0": HIDDEN, "namespace": DENIED, "code": DENIED, "root": DENIED})


def test_the_gateway_reaches_networks_and_sockets_and_neither_secrets_nor_programs(device):
    assert not tried(context_of(device, "fob-gateway"), {
        "inet": OK, "unix": OK, "netlink": OK, "packet": NO_FAMILY, "vsock": NO_FAMILY,
        "exec:/bin/true": DENIED, "exec:/usr/bin/fob": DENIED, "exec:/usr/libexec/fob/fob-exchange": DENIED,
        "read:/etc/fob/fob.toml": OK, f"read:/var/lib/fob/vault/{PROFILE}.cred": HIDDEN, "read:/etc/shadow": DENIED,
        "write:/etc/fob/new": NOT_WRITABLE, "write:/var/new": NOT_WRITABLE, "write:/run/fob/new": NOT_WRITABLE,
        "read:/proc/1/mem": HIDDEN, "memory:1": DENIED | {errno.ESRCH}, "trace:1": DENIED | {errno.ESRCH},
        "namespace": DENIED, "code": DENIED, "root": DENIED, "read:/dev/mem": HIDDEN})


def test_the_exchanger_of_one_profile_has_its_own_credential_and_not_anothers(device):
    other = context_of(device, "fob-exchange@").start(OTHER, "stay:60")
    try:
        assert device.machine.enter("test", "-e", f"/run/credentials/{other}/fob-{OTHER}").returncode == 0, "there is one to steal"
        own = f"/run/credentials/probe-fob-exchange@{PROFILE}.service/fob-{PROFILE}"
        assert not tried(context_of(device, "fob-exchange@"), {
            f"read:{own}": OK, f"read:/run/credentials/{other}/fob-{OTHER}": HIDDEN,
            f"read:/var/lib/fob/vault/{PROFILE}.cred": HIDDEN, f"read:/var/lib/fob/vault/{OTHER}.cred": HIDDEN,
            "inet": OK, "unix": NO_FAMILY, "netlink": NO_FAMILY, "packet": NO_FAMILY,
            "exec:/bin/true": DENIED, "exec:/usr/bin/fob": DENIED,
            "write:/etc/fob/new": NOT_WRITABLE, "write:/var/new": NOT_WRITABLE, "write:/run/fob/new": NOT_WRITABLE,
            f"write:{own}": NOT_WRITABLE, "read:/proc/1/mem": HIDDEN, "memory:1": DENIED | {errno.ESRCH},
            "trace:1": DENIED | {errno.ESRCH}, "namespace": DENIED, "code": DENIED, "read:/dev/mem": HIDDEN})
    finally:
        device.must("systemctl", "stop", other)


def test_the_witness_has_no_sockets_no_programs_and_nothing_of_fobs(device):
    assert not tried(context_of(device, "fob-witness"), {
        "unix": NO_FAMILY, "inet": NO_FAMILY, "netlink": NO_FAMILY, "exec:/bin/true": DENIED, "read:/etc/fob/fob.toml": HIDDEN,
        f"read:/var/lib/fob/vault/{PROFILE}.cred": HIDDEN, "read:/etc/shadow": DENIED, "write:/etc/new": NOT_WRITABLE,
        "write:/run/fob/new": NOT_WRITABLE, "memory:1": DENIED, "trace:1": DENIED, "namespace": DENIED, "code": DENIED,
        "root": DENIED})


@pytest.mark.parametrize("unit", ["fob-promote@", "fob-inbox"])
def test_what_writes_the_store_has_no_network(device, unit):
    assert not tried(context_of(device, unit), {
        f"read:/var/lib/fob/vault/{PROFILE}.cred": OK, "inet": NO_FAMILY, "inet6": NO_FAMILY, "netlink": NO_FAMILY,
        "write:/etc/fob/new": NOT_WRITABLE, "write:/usr/new": NOT_WRITABLE, "read:/proc/1/mem": HIDDEN, "trace:1": DENIED | {errno.ESRCH},
        "namespace": DENIED, "code": DENIED, "read:/dev/mem": HIDDEN})


def test_what_this_kernel_does_not_enforce_is_said_and_is_none_of_what_fob_relies_on(device):
    """systemd tells of each directive that the kernel gives it no means for. The tests above try those that matter."""
    said = device.must("journalctl", "--no-pager", "--boot", "--output=cat", "_PID=1")
    lacking = sorted(line for line in set(said.splitlines()) if re.search(r"not supported|not enforced|ignoring", line, re.I))
    for line in lacking:
        warnings.warn(f"this kernel does not enforce: {line}", stacklevel=1)
    relied_on = ("seccomp", "SystemCall", "namespace", "Capability", "NoNewPrivileges", "RestrictAddressFamilies", "ExecPaths")
    assert not [line for line in lacking if any(word in line for word in relied_on)]
