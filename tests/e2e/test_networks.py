"""A network that comes and goes, for real: links, routes, names, packets that are lost; and how soon a token is back.

The device and the authority's end of its link are network namespaces (see namespaces.py); the daemon, its exchanger and
the kernel's notices are the real ones. The sandbox itself stays on the test's own loopback, behind a relay at the far
end.
"""
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fob import BIN, PATIENCE, Installation, Sandbox, wait_until
from namespaces import Network, TlsRelay, make_certificate, reason_to_skip

skipped_because = reason_to_skip()
pytestmark = pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))

# Addresses for documentation (RFC 5737), so that nobody takes them for the machine's own. One is beyond the far end.
DEVICE, ROAMED, FAR, BEYOND = "192.0.2.2", "192.0.2.7", "192.0.2.1", "198.51.100.1"
NAME = "authority.example"
DEVICE_6, FAR_6 = "2001:db8::2", "2001:db8::1"
HOSTS = {"near": FAR, "beyond": BEYOND, "named": NAME, "six": f"[{FAR_6}]"}
# Nobody has it: frames to it are lost without a word, since the sender need not ask who it is.
NOBODY = "02:00:00:00:00:99"
# Short enough that a token's death is part of each test.
LIFETIME = 3
# How soon a token must be there once the network is.
AT_ONCE = 2
# A retry that is so far away cannot be what brought a token at once.
FAR_OFF = 4
# One that would not wait until the next attempt is not let wait at all.
LONGEST_WAIT = 60
# design.md §6: to connect, and the first backoff; then what a busy machine adds.
CONNECT_TIMEOUT, FIRST_BACKOFF, SLACK = 10, 3, 3


class Device(Installation):
    """An installation in a network of its own, with one link, to where the authority is reached."""

    def __init__(self, directory, sandbox):
        super().__init__(directory)
        self.sandbox = sandbox
        self.home, self.far = Network(), Network()
        self.home.ip(f"link add wlan0 type veth peer name far0 netns {self.far.holder.pid}")
        self.home.ip(f"addr add {DEVICE}/24 dev wlan0")
        self.far.ip(f"addr add {FAR}/24 dev far0")
        self.far.ip(f"addr add {BEYOND}/32 dev lo")
        if socket.has_dualstack_ipv6():
            # No addresses but those that a test gives, each of which is news to the daemon.
            self.home.ip("link set wlan0 addrgenmode none")
        self.far.ip("link set far0 up")
        self.home.ip("link set wlan0 up")
        self.certificate, key = make_certificate(directory, [FAR, BEYOND, FAR_6], [NAME])
        self.relay = TlsRelay(self.far.listen(), self.certificate, key, sandbox.port)
        self.profile = None

    def enrol_at(self, *profiles):
        """Profiles of HOSTS; the first is the default."""
        self.profile = profiles[0]
        self.configure(f'[daemon]\nstore = "file"\ndefault_profile = "{self.profile}"\n' + "".join(
            f'\n[profile.{profile}]\nauthority = "multiset"\nscopes = ["query"]\nca_file = "{self.certificate}"\n'
            f'endpoint = "https://{HOSTS[profile]}:{self.relay.own_port}/v1/m2m/token"\n' for profile in profiles))
        credential = self.sandbox.create_credential()
        for profile in profiles:
            # A trial would be made from the test's own network.
            self.enrol(credential, profile, "--no-trial")

    def start(self):
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen(self.home.inside(BIN / "fobd", *self.flags()), stderr=log,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: self.answers() or self.daemon.poll() is not None, "fobd starts")
        assert self.daemon.poll() is None, self.log.read_text()

    def status(self, profile=None):
        return super().status(profile or self.profile)

    def sockets(self):
        """Of what kind each of the daemon's sockets is that is not of the Unix family."""
        process = Path(f"/proc/{self.daemon.pid}")

        def unix_sockets():
            # An accepted one belongs to the network of whoever connected, which is the test's.
            tables = [(of / "net/unix").read_text().splitlines()[1:] for of in (process, Path("/proc/self"))]
            return {line.split()[6] for table in tables for line in table}

        known_before = unix_sockets()
        inodes = set()
        for entry in (process / "fd").iterdir():
            try:
                target = str(entry.readlink())
            except FileNotFoundError:  # closed since it was listed
                continue
            if target.startswith("socket:"):
                inodes.add(target.removeprefix("socket:[").removesuffix("]"))
        others = inodes - known_before - unix_sockets()
        # Protocol 0 is NETLINK_ROUTE.
        netlink = [line.split() for line in (process / "net/netlink").read_text().splitlines()[1:]]
        route = {columns[9] for columns in netlink if columns[1] == "0"}
        return ["netlink route" if inode in route else f"unknown {inode}" for inode in others]

    def exchanger(self):
        """The process id of the exchange under way, if any."""
        return next(iter(self.children("fob-exchange")), None)

    def lose_packets(self):
        """What is sent to the device does not arrive. Neither end hears of it."""
        self.far.ip(f"neigh replace {DEVICE} lladdr {NOBODY} nud permanent dev far0")

    def lose_no_packets(self):
        self.far.ip(f"neigh del {DEVICE} dev far0")

    def flap(self):
        self.home.ip("link set wlan0 down")
        self.home.ip("link set wlan0 up")

    def close(self):
        try:
            self.stop()
        finally:
            self.relay.close()
            self.home.close()
            self.far.close()


@pytest.fixture
def device(tmp_path):
    sandbox = Sandbox(tmp_path / "sandbox")
    try:
        made = Device(tmp_path, sandbox)
        try:
            sandbox.settings(lifetime_s=LIFETIME)
            yield made
        finally:
            made.close()
    finally:
        sandbox.stop()


def assert_unreachable(answer):
    status, body = answer
    assert status == 503 and body["type"] == "urn:fob:authority-unreachable" and body["detail"], answer


def await_death(device):
    """Until the token at hand is dead: it is served to its last moment, and not beyond."""
    while (answer := device.app.living_token(device.sandbox))[0] == 200:
        time.sleep(0.05)
    assert_unreachable(answer)


def await_long_backoff(device):
    """Until the daemon means to wait for long, though for less than an app that waits for as long as it may."""
    wait_until(lambda: FAR_OFF <= (device.status()["next_attempt_in"] or 0) < LONGEST_WAIT, "the backoff grows")
    assert device.status()["next_attempt_why"] == "retry"


def assert_back_at_once(device, make_it_work, waiting_since=0.2):
    """Does what lets the network work, and sees that it brings a token: to who polls, and to who was waiting."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: (device.app.token(f"?wait={LONGEST_WAIT}"), time.monotonic()))
        time.sleep(waiting_since)
        assert not waiting.done(), waiting.result()
        make_it_work()
        began = time.monotonic()
        while device.app.token("?wait=0")[0] != 200:
            assert time.monotonic() - began < PATIENCE, device.status()
            time.sleep(0.05)
        polled = time.monotonic() - began
        (status, answer), then = waiting.result(PATIENCE)
    print(f"a token came {polled:.2f} s after the network, and after {then - began:.2f} s to the one that waited")
    assert polled < AT_ONCE
    assert status == 200 and then - began < AT_ONCE
    assert device.sandbox.call_api(answer["access_token"]) == 200


@pytest.mark.parametrize("end", ["home", "far"])
def test_a_link_that_was_down_through_an_expiry_brings_a_token_when_it_comes_up(device, end):
    # At home the route goes with the link, and to connect fails at once. When the far end goes, the carrier is lost,
    # the route stays, and what is sent disappears.
    network, link = {"home": (device.home, "wlan0"), "far": (device.far, "far0")}[end]
    device.enrol_at("near")
    device.start()
    assert device.app.token("?wait=10")[0] == 200
    network.ip(f"link set {link} down")
    await_death(device)
    await_long_backoff(device)
    assert_unreachable(device.app.token("?wait=0"))
    assert device.sockets() == ["netlink route"]
    assert_back_at_once(device, lambda: network.ip(f"link set {link} up"))


def test_a_default_route_that_comes_later_than_the_link_brings_a_token(device):
    device.enrol_at("beyond")
    device.start()
    await_long_backoff(device)
    assert_unreachable(device.app.token("?wait=0"))
    assert_back_at_once(device, lambda: device.home.ip(f"route add default via {FAR}"))


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this kernel has no IPv6")
def test_an_address_of_ipv6_brings_a_token_once_it_may_be_used(device):
    device.far.ip(f"addr add {FAR_6}/64 dev far0 nodad")
    device.enrol_at("six")
    device.start()
    await_long_backoff(device)

    def take_address():
        device.home.ip(f"addr add {DEVICE_6}/64 dev wlan0")
        # For a second or two, the kernel asks around whether somebody else has it.
        wait_until(lambda: DEVICE_6 not in device.home.ip("-6 addr show dev wlan0 tentative"), "the address is ours")

    assert_back_at_once(device, take_address)


@pytest.mark.parametrize("nameserver", ["out of reach", "silent"])
def test_a_name_that_nobody_resolves_is_told_in_time_and_others_are_served_meanwhile(device, tmp_path, nameserver):
    address = {"out of reach": "203.0.113.53", "silent": "192.0.2.53"}[nameserver]
    device.home.ip(f"neigh replace 192.0.2.53 lladdr {NOBODY} nud permanent dev wlan0")
    for path, text in (("/etc/resolv.conf", f"nameserver {address}\n"), ("/etc/nsswitch.conf", "hosts: files dns\n")):
        made = tmp_path / Path(path).name
        made.write_text(text)
        device.home.replace_file(path, made)
    device.sandbox.settings(lifetime_s=300)
    device.enrol_at("named", "near")
    device.start()
    began = time.monotonic()
    assert device.app.token("?profile=near&wait=10")[0] == 200
    while not device.status()["failing"]:
        assert time.monotonic() - began < CONNECT_TIMEOUT + SLACK
        asked = time.monotonic()
        assert device.app.token("?profile=near&wait=0")[0] == 200
        assert_unreachable(device.app.token("?wait=0"))
        assert time.monotonic() - asked < 1, "a name that is being looked up holds up others"
        time.sleep(0.05)
    answer = device.app.token("?wait=0")
    assert_unreachable(answer)
    assert NAME in answer[1]["detail"]
    # Now there is a way to know, and a link that comes up is reason enough to look again.
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{FAR} {NAME}\n")
    device.home.replace_file("/etc/hosts", hosts)
    assert_back_at_once(device, device.flap)


@pytest.mark.parametrize("loss", ["packets", "answer"])
def test_an_exchange_that_hangs_holds_up_nobody_and_is_given_up_when_the_link_comes_up(device, loss):
    device.enrol_at("near")
    device.start()
    assert device.app.token("?wait=10")[0] == 200
    if loss == "packets":
        device.lose_packets()
    else:
        device.sandbox.fault("hang")
    await_death(device)
    # By the end of this wait a lost SYN has been sent for the third time, and will not be sent again for three seconds.
    asked = time.monotonic()
    assert_unreachable(device.app.token("?wait=3"))
    assert time.monotonic() - asked < 3 + SLACK
    assert device.status()["exchanging"], "it hangs"
    assert device.sockets() == ["netlink route"]
    if loss == "packets":
        device.lose_no_packets()
    else:
        device.sandbox.mend()
    assert_back_at_once(device, device.flap)


@pytest.mark.parametrize("lease_after, hung_before", [(0.3, False), (3, True)])
def test_a_new_address_brings_a_token_though_an_exchange_from_the_old_one_hangs(device, lease_after, hung_before):
    # The device walks into another network: the link comes up with the old address still there, from which nobody can
    # be reached any more, and the lease of a new one follows. (0.3: soon, so that the exchange has only just begun.
    # 3: later, and the link that came up has already had an exchange given up for the one that hangs now.)
    device.enrol_at("near")
    device.start()
    assert device.app.token("?wait=10")[0] == 200
    device.lose_packets()
    if not hung_before:
        device.home.ip("link set wlan0 down")
    await_death(device)
    if hung_before:
        assert_unreachable(device.app.token("?wait=2"))
        device.home.ip("link set wlan0 down")
    before = device.exchanger()
    device.home.ip("link set wlan0 up")
    wait_until(lambda: device.exchanger() not in (None, before), "an exchange begins anew")
    time.sleep(lease_after)

    def take_lease():
        device.home.ip(f"addr del {DEVICE}/24 dev wlan0")
        device.home.ip(f"addr add {ROAMED}/24 dev wlan0")
        device.home.ip(f"route add default via {FAR}")

    assert_back_at_once(device, take_lease, waiting_since=0.1)


def test_when_packets_are_lost_no_more_and_nothing_tells_of_it_the_backoff_brings_a_token(device):
    device.enrol_at("near")
    device.start()
    assert device.app.token("?wait=10")[0] == 200
    device.lose_packets()
    await_death(device)
    assert_unreachable(device.app.token("?wait=1"))
    device.lose_no_packets()
    began = time.monotonic()
    wait_until(lambda: device.app.token("?wait=0")[0] == 200, "a token")
    took = time.monotonic() - began
    print(f"a token came {took:.2f} s after the network")
    assert took < CONNECT_TIMEOUT + FIRST_BACKOFF + SLACK


def test_when_all_is_well_the_daemon_has_no_socket_but_those_of_its_apps(device):
    device.sandbox.settings(lifetime_s=300)
    device.enrol_at("near")
    device.start()
    assert device.app.token("?wait=10")[0] == 200
    wait_until(lambda: device.sockets() == [], "the daemon listens no longer")
    device.flap()
    device.home.ip(f"route add default via {FAR}")
    time.sleep(1)
    assert device.sockets() == [], "a network that comes and goes is no business of its"
    # While it exchanges, it wants to know whether the network goes from under it.
    device.sandbox.fault("slow", delay_ms=2000)
    refresh = subprocess.Popen([BIN / "fob", *device.flags(), "refresh"])
    wait_until(lambda: device.status()["exchanging"], "an exchange")
    assert device.sockets() == ["netlink route"]
    assert refresh.wait(PATIENCE) == 0
    wait_until(lambda: device.sockets() == [], "the daemon listens no longer")
