"""The exchanger and the promotion as units of the system installation, on a real systemd: enabled by `fob credential`,
started by a connection, asked by a broker that may start nothing and has no network.
"""
import json
import subprocess
import sys

import pytest

from fob import PATIENCE, wait_until
from machine import PROGRAMS, Machine, reason_to_skip

skipped_because = reason_to_skip()
pytestmark = [pytest.mark.native, pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))]

PORT = 8480
UNITS = "/etc/systemd/system"
VAULT = "/var/lib/fob/vault"
CONFIGURATION = "[daemon]\ndefault_profile = \"prod-query\"\n" + "".join(f"""
[profile.{name}]
authority = "multiset"
endpoint = "http://127.0.0.1:{PORT}/v1/m2m/token"
scopes = ["query"]
""" for name in ("prod-query", "staging", "broken")) + """
[[grant]]
profiles = ["prod-query", "staging", "broken"]
user = "root"
"""
EXCHANGE_SOCKET = """
[Socket]
ListenStream=/run/fob/exchange/%i.sock
SocketUser=root
SocketGroup=fob
SocketMode=0660
RemoveOnStop=yes
FlushPending=yes
TriggerLimitIntervalSec=0
[Install]
WantedBy=sockets.target
"""
# All instances of a unit share one dynamic user, so what keeps them apart is that each sees its own credentials and
# nobody's processes.
EXCHANGE_SERVICE = f"""
[Unit]
StartLimitIntervalSec=0
[Service]
DynamicUser=yes
LoadCredentialEncrypted=fob-%i:{VAULT}/%i.cred
ExecStart={PROGRAMS}/fob-exchange --profile %i --for-user fob --config /etc/fob/fob.toml --state-dir /var/lib/fob
InaccessiblePaths=/proc
CapabilityBoundingSet=
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallFilter=@system-service
SystemCallFilter=~@debug process_vm_readv process_vm_writev kill tkill pidfd_send_signal
SystemCallErrorNumber=EPERM
"""
PROMOTE_SOCKET = """
[Socket]
ListenStream=/run/fob/promote.sock
Accept=yes
SocketUser=root
SocketGroup=fob
SocketMode=0660
RemoveOnStop=yes
[Install]
WantedBy=sockets.target
"""
PROMOTE_SERVICE = f"""
[Unit]
CollectMode=inactive-or-failed
[Service]
StandardInput=socket
StandardOutput=socket
StandardError=journal
ExecStart={PROGRAMS}/fob credential promote --asked
ProtectSystem=strict
ReadWritePaths=/var/lib/fob
PrivateNetwork=yes
PrivateTmp=yes
ProtectHome=yes
"""
# fobd as it is confined: it can execute nothing but itself, and reach no network.
FOBD = f"""
[Service]
User=fob
ExecStart={PROGRAMS}/fobd --units --config /etc/fob/fob.toml --runtime-dir /run/fob --state-dir /var/lib/fob
NoExecPaths=/
ExecPaths={PROGRAMS}/fobd /lib /lib64 /usr/lib
RestrictAddressFamilies=AF_UNIX AF_NETLINK
PrivateNetwork=yes
CapabilityBoundingSet=
NoNewPrivileges=yes
"""
# An app or a broker of another user: goes to the directory as root, becomes the user, and asks the lines one by one.
CLIENT = """
import json, os, socket, sys, time
directory, name, user, group = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
pauses = [float(pause) for pause in sys.argv[5:]]
os.chdir(directory)
os.setgroups([])
os.setresgid(group, group, group)
os.setresuid(user, user, user)
def ask(line):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(name)
        connection.sendall(line.encode())
        return connection.makefile().readline()
def try_to_ask(line):
    try:
        return ask(line).strip() or "nothing"
    except OSError as error:
        return type(error).__name__
for line in sys.stdin:
    answer = try_to_ask(line)
    for pause in pauses:
        if answer.startswith("{"): break
        time.sleep(pause)
        answer = try_to_ask(line)
    print(answer, flush=True)
"""
# How long fobd waits before it asks again, in seconds (broker/unit_socket.cpp).
AS_FOBD = (0.1, 0.3)
# What it says of a connection that was closed unanswered, by the exchanger or by systemd.
CLOSED = ("nothing", "BrokenPipeError", "ConnectionResetError")


def request(profile, slot="current"):
    return json.dumps({"v": 1, "profile": profile, "slot": slot}) + "\n"


class Device:
    """A machine with fob's units, the sandbox's authority within, and fobd."""

    def __init__(self, machine):
        self.machine = machine
        self.must("systemd-sysusers", "--inline", "u fob - fob")
        self.fob_id = int(self.must("id", "--user", "fob"))
        for mode, owner, directory in (("0755", "root", "/etc/fob"), ("0755", "root", "/var/lib/fob"), ("0755", "fob", "/run/fob")):
            self.must("install", "--directory", "--mode", mode, "--owner", owner, directory)
        machine.write("/etc/fob/fob.toml", CONFIGURATION)
        for name, content in (("fob-exchange@.socket", EXCHANGE_SOCKET), ("fob-exchange@.service", EXCHANGE_SERVICE),
                              ("fob-promote.socket", PROMOTE_SOCKET), ("fob-promote@.service", PROMOTE_SERVICE),
                              ("fobd.service", FOBD)):
            machine.write(f"{UNITS}/{name}", content)
        self.must("systemctl", "daemon-reload")
        self.must("install", "--directory", "/run/authority")
        self.must("systemd-run", "--unit=authority", "--property=Type=exec", f"{PROGRAMS}/fob-authority", "--port", PORT,
                  "--dir", "/run/authority")
        wait_until(lambda: self.admin_run("GET", "/stats").returncode == 0, "the authority starts")
        self.must("systemctl", "start", "fob-promote.socket", "fobd")
        self.await_fobd()

    def await_fobd(self):
        socket, alive = "/run/fob/control.sock", ("systemctl", "is-failed", "fobd")
        wait_until(lambda: self.machine.enter("test", "-S", socket).returncode == 0 or self.machine.enter(*alive).returncode == 0,
                   "fobd starts")
        assert self.machine.enter(*alive).returncode != 0, self.journal()

    def must(self, *command, **how):
        done = self.machine.enter(*command, **how)
        assert done.returncode == 0, (command, done.stdout, done.stderr, self.journal())
        return done.stdout

    def journal(self):
        return self.machine.enter("journalctl", "--no-pager", "--lines=60").stdout

    def admin_run(self, method, path, body=""):
        return self.machine.ask_authority(PORT, method, path, body)

    def credential(self):
        done = self.admin_run("POST", "/credentials", json.dumps({"name": "device", "scopes": ["query"]}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def exchanges(self):
        return json.loads(self.admin_run("GET", "/stats").stdout)["token"]["total"]

    def fob(self, *arguments, stdin=""):
        return self.machine.run(f"{PROGRAMS}/fob", *arguments, stdin=stdin)

    def store(self, verb, profile, *flags):
        credential = self.credential()
        done = self.fob("credential", verb, profile, "-", *flags, stdin=json.dumps(credential))
        assert credential["clientSecret"] not in done.stdout + done.stderr
        assert "warning" not in done.stderr, done.stderr
        return done

    def socket_is(self, profile):
        """("enabled", "active") when all is well."""
        unit = f"fob-exchange@{profile}.socket"
        return tuple(self.machine.enter("systemctl", question, unit).stdout.strip() for question in ("is-enabled", "is-active"))

    def ask(self, profile, lines, user=None, group=None, pauses=()):
        """What the exchanger's socket answers, line for line, as this user; as a rule fob. Asked again after `pauses`."""
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, f"/proc/{self.machine.init()}/root/run/fob/exchange", f"{profile}.sock",
             str(self.fob_id if user is None else user), str(self.fob_id if group is None else group),
             *(str(pause) for pause in pauses)],
            input="".join(lines), capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def failures(self, unit):
        return self.must("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").count("Failed with result")


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("machine"))
    try:
        made = Device(machine)
        for profile in ("prod-query", "staging"):
            done = made.store("add", profile)
            assert done.returncode == 0, (done.stderr, made.journal())
        yield made
    finally:
        machine.close()


def test_a_first_credential_enables_its_socket_and_fobd_gets_a_token_through_it(device):
    assert device.socket_is("prod-query") == ("enabled", "active")
    done = device.fob("token", "prod-query")
    assert done.returncode == 0 and len(done.stdout) > 20, (done.stderr, device.journal())


def test_fobd_started_no_program(device):
    pid = device.must("systemctl", "show", "--property=MainPID", "--value", "fobd").strip()
    assert not device.must("cat", f"/proc/{pid}/task/{pid}/children").strip()


def test_the_brokers_user_gets_a_token_of_the_sockets_profile_and_of_no_other(device):
    token, other = device.ask("prod-query", [request("prod-query"), request("staging")])
    assert json.loads(token)["ok"]
    refusal = json.loads(other)
    assert refusal["kind"] == "config" and refusal["detail"] == "this exchanger is for prod-query only", refusal


def test_another_user_is_kept_out_by_the_sockets_mode_and_then_by_who_it_is(device):
    assert device.ask("prod-query", [request("prod-query")], user=65534, group=65534) == ["PermissionError"]
    # One who came into the group all the same.
    before = device.exchanges()

    told, not_started = "user 65534 (process", "status=219/CGROUP"
    failures = device.journal().count(not_started)
    assert device.ask("prod-query", [request("prod-query")], user=65534)[0] in CLOSED
    wait_until(lambda: told in device.journal() or device.journal().count(not_started) > failures, "the exchanger tells who asked")
    if told not in device.journal():
        # systemd could not start the unit (machines that share control groups, machine.py), which closes the connection as well.
        assert device.ask("prod-query", [request("prod-query")], user=65534)[0] in CLOSED
        wait_until(lambda: told in device.journal(), "the exchanger tells who asked")
    assert device.exchanges() == before
    assert json.loads(device.ask("prod-query", [request("prod-query")], user=0)[0])["ok"], "root may"


def test_two_hundred_exchanges_in_a_row_trip_no_limit(device):
    """As the broker asks: one that is flushed while an exchanger ends is asked again, after a pause."""
    for _ in range(4):
        answers = device.ask("prod-query", [request("prod-query")] * 50, pauses=AS_FOBD)
        assert all(answer.startswith('{"v":1,"ok":true') for answer in answers) and len(answers) == 50, answers
    assert device.socket_is("prod-query") == ("enabled", "active")


def test_many_starts_in_a_row_trip_no_limit(device):
    """Each with an exchanger of its own, faster than systemd's defaults allow."""
    for _ in range(30):
        answer, = device.ask("staging", [request("staging")])
        assert json.loads(answer)["ok"], answer
        device.must("systemctl", "stop", "fob-exchange@staging.service")
    assert device.socket_is("staging") == ("enabled", "active")


def test_each_exchanger_has_a_user_of_its_own(device):
    users = {device.must("systemctl", "show", "--property=User", "--value", f"fob-exchange@{profile}").strip()
             for profile in ("prod-query", "staging")}
    assert len(users) == 2 and all(user.startswith("fob-x-") for user in users), users


def test_an_exchanger_that_has_served_is_gone_soon(device):
    device.ask("prod-query", [request("prod-query")])
    wait_until(lambda: device.machine.enter("systemctl", "is-active", "fob-exchange@prod-query.service").returncode != 0,
               "the exchanger ends")


def test_an_exchanger_cannot_read_the_credential_of_another_profile(device):
    """With its very unit, but another program in the exchanger's place: while the other's runs, even as the same user."""
    units = device.machine
    sleeper = EXCHANGE_SERVICE.replace("ExecStart=", "ExecStart=/bin/sleep infinity\n#")
    probe = EXCHANGE_SERVICE.replace("ExecStart=", 'ExecStart=/bin/sh -c "cat /run/credentials/*/*; ls /proc; '
                                     f'cat {VAULT}/*; true"\n#').replace("[Service]", "[Service]\nType=oneshot")
    units.write(f"{UNITS}/fob-holder@.service", sleeper.replace("[Service]", "[Service]\nType=exec"))
    units.write(f"{UNITS}/fob-probe@.service", probe)
    device.must("systemctl", "daemon-reload")
    device.must("systemctl", "start", "fob-holder@staging.service")
    try:
        held = device.must("cat", "/run/credentials/fob-holder@staging.service/fob-staging")
        secret = json.loads(held)["slots"]["current"]["client_secret"]
        device.must("systemctl", "start", "fob-probe@prod-query.service")
        seen = device.must("journalctl", "--no-pager", "--output=cat", "--unit=fob-probe@prod-query.service")
        assert '"profile":"prod-query"' in seen, "it must be able to find its own"
        assert secret not in seen and '"profile":"staging"' not in seen
        assert seen.count("Permission denied") >= 2, seen
    finally:
        device.machine.enter("systemctl", "stop", "fob-holder@staging.service")


def test_a_rotation_meets_no_exchanger_with_the_old_credential(device):
    """The socket is asked just before, so that one lingers."""
    device.ask("prod-query", [request("prod-query")])
    done = device.store("rotate", "prod-query")
    assert done.returncode == 0, (done.stderr, device.journal())
    assert "a new token is in force" in done.stderr
    answer, = device.ask("prod-query", [request("prod-query")])
    assert json.loads(answer)["credential_version"] == 2, answer


def test_a_staged_credential_that_works_is_promoted_through_the_socket(device):
    done = device.store("rotate", "prod-query", "--no-trial")
    assert done.returncode == 0, (done.stderr, device.journal())
    listed = json.loads(device.fob("credential", "list", "--json").stdout)
    assert {"current": 3, "previous": 2} == {slot["slot"]: slot["version"] for slot in listed if slot["profile"] == "prod-query"}
    assert not device.must("systemctl", "list-units", "--failed", "--no-legend", "fob*").strip()


def test_a_unit_that_cannot_start_is_a_locked_store_and_keeps_no_machine_busy(device):
    assert device.store("add", "broken").returncode == 0
    service, blob = "fob-exchange@broken.service", f"{VAULT}/broken.cred"
    kept = device.must("cat", blob)
    device.machine.write(blob, kept[:200] + "AAAA" + kept[204:], "0600")
    try:
        device.must("systemctl", "stop", service)
        device.must("systemctl", "restart", "fobd")
        device.await_fobd()
        done = device.fob("token", "broken")
        assert f"{service} gives no answer" in done.stderr, done.stderr
        status = json.loads(device.fob("status", "--json").stdout)
        broken = next(profile for profile in status["profiles"] if profile["name"] == "broken")
        assert broken["last_error"]["kind"] == "store-locked", broken
        # It asks again and again, and while the unit is being started, it has no status.
        device.must("systemctl", "stop", "fobd")
        wait_until(lambda: "activ" not in device.must("systemctl", "show", "--property=ActiveState", "--value", service).replace("inactive", ""),
                   "it is being started no more")
        assert device.must("systemctl", "show", "--property=ExecMainStatus", "--value", service).strip() == "243"
        before = device.failures(service)
        for _ in range(10):
            assert device.ask("broken", [request("broken")])[0] in CLOSED
        device.machine.run("/bin/sleep", "2")
        assert device.failures(service) - before <= 10, "nothing is started but by who asks"
        assert device.socket_is("broken") == ("enabled", "active"), "it goes on to listen"
    finally:
        device.machine.write(blob, kept, "0600")
        device.must("systemctl", "start", "fobd")
        device.await_fobd()
    assert device.fob("refresh", "broken").returncode == 0, "and it recovers"


def test_a_socket_that_is_down_is_said(device):
    device.must("systemctl", "stop", "fob-exchange@broken.socket")
    done = device.fob("refresh", "broken")
    assert done.returncode != 0 and "no credential is enrolled for broken" in done.stderr, done.stderr
    assert device.store("rotate", "broken").returncode == 0, "the next step on it mends that"
    assert device.socket_is("broken") == ("enabled", "active")


def test_removal_takes_the_socket_with_it(device):
    assert device.fob("credential", "remove", "broken").returncode == 0
    assert device.socket_is("broken") == ("disabled", "inactive")
    assert device.machine.enter("test", "-e", "/run/fob/exchange/broken.sock").returncode != 0
    assert device.socket_is("prod-query") == ("enabled", "active"), "and no other"


def test_a_store_that_units_cannot_read_is_refused_before_anything_is_asked(device):
    device.machine.write("/etc/fob/fob.toml", CONFIGURATION.replace("[daemon]", '[daemon]\nstore = "file"'))
    try:
        done = device.fob("credential", "add", "broken", "-", stdin="")
        assert done.returncode == 7, done
        assert "the units of the system installation read systemd-creds only" in done.stderr
    finally:
        device.machine.write("/etc/fob/fob.toml", CONFIGURATION)


def test_moving_a_profile_away_from_systemd_creds_disables_its_socket(device):
    moved = device.fob("credential", "migrate", "staging", "--to", "file")
    assert moved.returncode == 0 and "fob credential migrate staging --to systemd-creds" in moved.stderr, moved.stderr
    assert device.socket_is("staging") == ("disabled", "inactive")
    assert device.fob("credential", "migrate", "staging", "--to", "systemd-creds").returncode == 0
    assert device.socket_is("staging") == ("enabled", "active")
    assert json.loads(device.ask("staging", [request("staging")])[0])["ok"]


def test_a_promotion_needs_no_environment(device):
    done = device.machine.enter("env", "-i", f"{PROGRAMS}/fob", "credential", "promote", "--asked",
                                stdin='{"v":1,"profile":"prod-query","version":99}\n')
    assert json.loads(done.stdout)["outcome"] == "left-alone", (done.stdout, done.stderr)
