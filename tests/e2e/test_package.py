"""The system installation on a really booted Debian: installed, used, rebooted, restarted under load, upgraded, purged."""
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet import Operator, client_of
from fob import wait_until
from machine import PROGRAMS, reason_to_skip
from package import APP_USER, CONFIGURATION, PROFILE, Device, Load, build, next_version

skipped_because = reason_to_skip("cpack", "dpkg-deb", "gcc", "lintian")
pytestmark = [pytest.mark.native, pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))]

INBOX = "/var/lib/fob/fleet/inbox"
UNITS = ["fob.service", "fob-exchange@prod-query.service", "fob-promote@.service", "fob-witness.service", "fob-inbox.service", "fob-gateway.service"]


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    made = Device(tmp_path_factory.mktemp("device"))
    try:
        made.boot()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def enrolled(device):
    """Installed, configured, and with a credential."""
    device.install()
    device.machine.write("/etc/fob/fob.toml", CONFIGURATION)
    device.must("systemctl", "reload", "fob")
    device.start_authority()
    done = device.enrol()
    assert done.returncode == 0 and "warning" not in done.stderr, (done.stderr, device.journal())
    return device


def test_the_package_is_clean_and_the_same_every_time(device, tmp_path):
    again = build(tmp_path / "again")
    assert again.read_bytes() == device.package.read_bytes()
    checked = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", device.package], capture_output=True,
                             text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_an_installed_fob_says_what_is_missing(device):
    device.install()
    assert device.show("fob.service", "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}
    assert "no profile is configured" in device.show("fob.service", "StatusText")["StatusText"]
    assert device.machine.enter("systemctl", "is-enabled", "fob.socket", "fob.service").stdout.split() == ["enabled"] * 2
    modes = device.must("stat", "--format=%a %U %G", "/run/fob", "/run/fob/fob.sock", "/run/fob/control.sock")
    assert modes.splitlines() == ["755 root root", "666 root root", "660 root fob-admin"]


def test_on_a_device_of_no_fleet_no_unit_fails(device):
    device.install()
    device.must("systemctl", "start", "fob-inbox.service")
    assert device.show("fob-inbox.service", "ActiveState", "ConditionResult") == {"ActiveState": "inactive", "ConditionResult": "no"}
    assert not device.machine.enter("systemctl", "--failed", "--plain", "--no-legend", "fob*").stdout


def test_an_app_in_a_unit_of_its_own_gets_a_token_and_another_user_gets_none(enrolled):
    done = enrolled.app("/usr/bin/fob", "token", PROFILE)
    assert done.returncode == 0 and len(done.stdout) > 20, (done.stderr, enrolled.journal())
    assert enrolled.app("/usr/bin/fob", "token", PROFILE, user="daemon").returncode == 4
    assert f"{PROFILE}: valid" in enrolled.show("fob.service", "StatusText")["StatusText"]


def examined(device, *options, user="root"):
    """(exit status, finding by check) of fob doctor."""
    done = device.machine.enter("setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups", "fob", *options, "doctor", "--json")
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)["checks"]}


def test_the_doctor_finds_all_well_and_a_unit_that_was_stopped(enrolled):
    status, findings = examined(enrolled)
    bad = {check: finding for check, finding in findings.items() if finding["verdict"] in ("fail", "warn")}
    assert status == 0 and not bad, bad
    assert "units are well" in findings["units"]["what"] and "no capabilities" in findings["sandbox"]["what"]
    enrolled.must("systemctl", "stop", f"fob-exchange@{PROFILE}.socket")
    status, findings = examined(enrolled)
    assert status == 1 and f"fob-exchange@{PROFILE}.socket does not listen" in findings["units"]["what"]
    enrolled.must("sh", "-c", findings["units"]["mend"])
    assert examined(enrolled)[0] == 0


def test_a_fob_that_was_stopped_and_is_started_gets_tokens_again(enrolled):
    enrolled.must("systemctl", "stop", "fob.socket", "fob.service")
    enrolled.must("systemctl", "start", "fob")
    assert enrolled.app("/usr/bin/fob", "token", PROFILE).returncode == 0, enrolled.journal()


def test_a_credential_that_is_stored_is_not_told_to_be_enrolled_again(enrolled):
    socket = f"fob-exchange@{PROFILE}.socket"
    enrolled.must("systemctl", "stop", socket, "fob.socket", "fob.service")
    enrolled.must("systemctl", "start", "fob")
    assert enrolled.app("/usr/bin/fob", "token", PROFILE).returncode == 5
    status, findings = examined(enrolled)
    assert status and "is stored, but" in findings["credential"]["what"] and socket in findings["credential"]["what"]
    enrolled.must("sh", "-c", findings["credential"]["mend"])
    assert enrolled.app("/usr/bin/fob", "token", PROFILE).returncode == 0, enrolled.journal()


@pytest.mark.parametrize("flags", [[], ["--config", "/etc/fob/fob.toml"]], ids=["", "named"])
def test_who_forgets_sudo_is_told_so_before_anything_is_stored(enrolled, flags):
    home = enrolled.must("mktemp", "--directory").strip()
    enrolled.must("chown", APP_USER, home)
    credential = enrolled.admin("POST", "/credentials", name="new", scopes=["query"])
    done = enrolled.machine.enter("setpriv", f"--reuid={APP_USER}", "--regid=65534", "--clear-groups", "env", f"HOME={home}",
                                  "fob", *flags, "credential", "add", PROFILE, "-", stdin=json.dumps(credential))
    assert done.returncode == 4 and "the credentials of /etc/fob/fob.toml are root's; the same again, with sudo" in done.stderr
    assert not enrolled.must("find", home, "-mindepth", "1")


def test_the_doctor_tells_an_app_what_it_may_have_and_what_only_root_can_see(enrolled):
    status, findings = examined(enrolled, user=APP_USER)
    assert status == 0 and PROFILE in findings["grants"]["what"], findings
    assert findings["store"]["verdict"] == "skip" and findings["store"]["mend"] == "sudo fob doctor"
    status, findings = examined(enrolled, user="nobody")
    assert status == 4 and findings["grants"]["verdict"] == "fail"


def test_a_member_of_fob_admin_need_not_name_the_only_profile(enrolled):
    admin = enrolled.must("getent", "group", "fob-admin").split(":")[2]
    done = enrolled.machine.enter("setpriv", "--reuid=nobody", "--regid=65534", f"--groups={admin}", "fob", "refresh")
    assert done.returncode == 0, done.stderr


def audited(device, *matches):
    """The records of the audit in the journal with these fields."""
    lines = device.must("journalctl", "--unit=fob.service", "--output=json", "--boot", *matches).splitlines()
    return [json.loads(line) for line in lines]


def test_the_exchanger_has_a_user_namespace_exactly_where_the_kernel_gives_one(enrolled):
    wanted = "yes" if enrolled.gives_user_namespaces() else "no"
    assert private_users(enrolled) == wanted


def private_users(device):
    device.must("systemctl", "daemon-reload")
    return device.show(f"fob-exchange@{PROFILE}.service", "PrivateUsers")["PrivateUsers"]


def test_the_exchanger_does_without_where_sysctl_will_switch_them_off(enrolled):
    before = private_users(enrolled)
    enrolled.machine.write("/etc/sysctl.d/99-no-namespaces.conf", "user.max_user_namespaces = 0\n")
    assert private_users(enrolled) == "no"
    enrolled.must("rm", "/etc/sysctl.d/99-no-namespaces.conf")
    assert private_users(enrolled) == before


def test_a_grant_by_unit_is_for_that_unit(enrolled):
    assert enrolled.asked_in("localizer", "daemon") == 0, enrolled.journal()
    record = audited(enrolled, "FOB_DECISION=granted", "FOB_PEER_UNIT=localizer.service")[-1]
    assert (record["FOB_PROFILE"], record["FOB_GRANT"], record["FOB_PEER_UID"], record["PRIORITY"]) == (PROFILE, "3", "1", "6")
    assert record["FOB_FINGERPRINT"] in record["MESSAGE"]
    assert enrolled.asked_in("other", "daemon") == 4
    record = audited(enrolled, "FOB_DECISION=refused", "FOB_PEER_UNIT=other.service")[-1]
    assert "unit is other.service, not localizer.service" in record["FOB_WHY"] and record["PRIORITY"] == "5"
    assert enrolled.asked_in("localizer", "nobody") == 4, "both must hold"


def test_a_grant_by_program_is_told_by_the_witness_and_for_that_program(enrolled):
    if not enrolled.gives_user_namespaces():
        pytest.skip("the machine's root is a chroot, and the kernel names programs by a path from outside of it")
    assert enrolled.asked_in("any", "www-data") == 0, enrolled.journal()
    assert enrolled.asked_in("any", "www-data", program=f"{PROGRAMS}/fob") == 4, "the same bytes, another program"
    status = enrolled.must("cat", f"/proc/{enrolled.show('fob-witness.service', 'MainPID')['MainPID']}/status")
    assert "CapEff:\t0000000000080000" in status, "CAP_SYS_PTRACE and nothing else"


def test_after_a_reboot_it_gets_one_without_anyones_help(enrolled):
    enrolled.power_off()
    enrolled.boot()
    assert enrolled.show("fob.service", "ActiveState")["ActiveState"] == "active", "up, with nobody to ask yet"
    wait_until(lambda: "unreachable" in enrolled.show("fob.service", "StatusText")["StatusText"], "the status says what is missing")
    enrolled.start_authority()
    wait_until(lambda: enrolled.app("/usr/bin/fob", "token", PROFILE).returncode == 0, "a token")


GATEWAY = f"""
[[grant]]
profiles = ["{PROFILE}"]
user = "fob-gateway"

[gateway.sdk]
profile = "{PROFILE}"
listen = "127.0.0.1:8787"
users = ["{APP_USER}"]
routes = ["GET /v1/vps/map"]
"""
# As an SDK does, from the network it is started in: the status of each answer.
ASK_GATEWAY = """
import http.client
connection = http.client.HTTPConnection("127.0.0.1:8787", timeout=30)
for method, target, body, headers in (("POST", "/v1/m2m/token", "{}", {"Authorization": "Basic Zm9iOmZvYg=="}),
                                      ("GET", "/v1/vps/map", None, {})):
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    answer.read()
    print(answer.status)
"""


@pytest.fixture
def with_gateway(enrolled):
    enrolled.machine.write("/etc/fob/fob.toml", CONFIGURATION + GATEWAY)
    enrolled.must("systemctl", "reload", "fob")
    enrolled.must("install", "--directory", "/etc/systemd/system/fob-gateway.service.d")
    enrolled.machine.write("/etc/systemd/system/fob-gateway.service.d/idle.conf",
                           "[Service]\nExecStart=\nExecStart=/usr/bin/fob-gateway --config /etc/fob/fob.toml --runtime-dir /run/fob --idle-after 1\n")
    enrolled.must("systemctl", "daemon-reload")
    enrolled.must("systemctl", "enable", "--now", "fob-gateway.socket")
    yield enrolled
    enrolled.must("systemctl", "disable", "--now", "fob-gateway.socket")
    enrolled.machine.enter("systemctl", "stop", "fob-gateway.service")
    enrolled.must("rm", "-r", "/etc/systemd/system/fob-gateway.service.d")
    enrolled.must("systemctl", "daemon-reload")
    enrolled.machine.write("/etc/fob/fob.toml", CONFIGURATION)
    enrolled.must("systemctl", "reload", "fob")


def asked_by_sdk(device, user, script=ASK_GATEWAY):
    """What an SDK of this user hears: of a token, and of a request that is passed on."""
    uid = device.must("id", "--user", user).strip()
    return subprocess.run(["nsenter", "--target", device.machine.init(), "--net", "setpriv", f"--reuid={uid}", "--clear-groups",
                           sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False).stdout.split()


def test_the_gateway_starts_for_an_sdk_tells_who_asked_and_ends_when_nobody_does(with_gateway):
    device = with_gateway
    state = lambda: device.show("fob-gateway.service", "ActiveState")["ActiveState"]  # noqa: E731
    assert state() == "inactive"
    for _ in range(2):
        assert asked_by_sdk(device, APP_USER) == ["200", "200"], device.journal("--unit=fob-gateway")
        wait_until(lambda: state() == "inactive", "it ends")
    assert asked_by_sdk(device, "daemon") == [], "nothing for another user"

    def records(*matches):
        lines = device.must("journalctl", "--unit=fob-gateway.service", "--output=json", "--boot", *matches).splitlines()
        return [json.loads(line) for line in lines]
    granted = wait_until(lambda: records("FOB_DECISION=granted", "FOB_WHAT=GET /v1/vps/map"), "who was passed on is in the journal")[-1]
    assert (granted["FOB_PROFILE"], granted["FOB_LISTENER"], granted["PRIORITY"]) == (PROFILE, "sdk", "6")
    assert granted["FOB_PEER_UID"] == device.must("id", "--user", APP_USER).strip()
    refused = wait_until(lambda: records("FOB_DECISION=refused"), "who was refused is in the journal")[-1]
    assert (refused["FOB_PEER_UID"], refused["FOB_WHAT"]) == ("1", "connect") and "gateway.sdk.users" in refused["FOB_WHY"]
    # To fobd it is an app like any other.
    own = device.must("id", "--user", "fob-gateway").strip()
    assert audited(device, "FOB_DECISION=granted", f"FOB_PEER_UID={own}")


# Asks in the very moments in which a gateway that is to end after a second is about to.
ASK_AS_IT_ENDS = """
import http.client, time
for i in range(16):
    connection = http.client.HTTPConnection("127.0.0.1:8787", timeout=30)
    connection.request("POST", "/v1/m2m/token", "{}", {"Authorization": "Basic Zm9iOmZvYg=="})
    print(connection.getresponse().status)
    connection.close()
    time.sleep(0.9985 + i * 0.0005)
"""


def test_who_asks_in_the_moment_in_which_the_gateway_ends_is_answered(with_gateway):
    assert asked_by_sdk(with_gateway, APP_USER, ASK_AS_IT_ENDS) == ["200"] * 16, with_gateway.journal("--unit=fob-gateway")
    starts = with_gateway.must("journalctl", "--unit=fob-gateway.service", "--boot", "--grep=with tokens of").splitlines()
    assert len(starts) > 3, "it did end in between"


def test_a_gateway_that_listens_elsewhere_than_systemd_says_how_to_mend_it(with_gateway):
    device = with_gateway
    device.machine.write("/etc/fob/fob.toml", CONFIGURATION + GATEWAY.replace(":8787", ":8788"))
    for _ in range(20):
        assert asked_by_sdk(device, APP_USER) == []
    told = wait_until(lambda: re.findall("systemctl edit fob-gateway.socket", device.journal("--unit=fob-gateway")), "the journal says what to do")
    assert len(told) < 10, "an app that asks again and again starts it no more than once a second"
    assert device.show("fob-gateway.socket", "ActiveState")["ActiveState"] == "active"
    device.machine.write("/etc/fob/fob.toml", CONFIGURATION + GATEWAY)
    wait_until(lambda: asked_by_sdk(device, APP_USER) == ["200", "200"], "nothing else has to be mended")


def configure_second(device, endpoint="", more=""):
    """Another profile, like the first but for its endpoint, for the same apps."""
    second = CONFIGURATION[:CONFIGURATION.index("[[grant]]")].replace(PROFILE, "second")
    if endpoint:
        second = re.sub("endpoint = .*", endpoint, second)
    device.machine.write("/etc/fob/fob.toml", CONFIGURATION.replace(f'["{PROFILE}"]', f'["{PROFILE}", "second"]') + second + more)
    device.must("systemctl", "reload", "fob")


def forget_second(device):
    done = device.machine.run("/usr/bin/fob", "credential", "remove", "second")
    assert done.returncode == 0, done.stderr
    device.machine.write("/etc/fob/fob.toml", CONFIGURATION)
    device.must("systemctl", "reload", "fob")


def test_a_refused_credential_is_found_in_the_journal_by_priority_profile_and_kind(enrolled):
    configure_second(enrolled)
    credential = enrolled.admin("POST", "/credentials", name="second", scopes=["query"])
    done = enrolled.machine.run("/usr/bin/fob", "credential", "add", "second", "-", stdin=json.dumps(credential))
    assert done.returncode == 0, done.stderr
    enrolled.admin("POST", f"/credentials/{credential['clientId']}/deactivate")
    assert enrolled.machine.run("/usr/bin/fob", "refresh", "second").returncode == 6
    alarm = wait_until(lambda: audited(enrolled, "FOB_EVENT=alarm", "FOB_PROFILE=second"), "the journal has the alarm")[-1]
    assert (alarm["PRIORITY"], alarm["FOB_KIND"], alarm["SYSLOG_IDENTIFIER"]) == ("3", "rejected", "fobd")
    assert "fob credential rotate second" in alarm["MESSAGE"] and credential["clientSecret"] not in alarm["MESSAGE"]
    urgent = enrolled.must("journalctl", "--unit=fob.service", "--boot", "--output=cat", "--priority=err")
    assert "second: ALARM" in urgent and "goes on with token" not in urgent
    forget_second(enrolled)
    over = wait_until(lambda: audited(enrolled, "FOB_EVENT=alarm-over", "FOB_PROFILE=second"), "and its end")[-1]
    assert over["PRIORITY"] == "5"


def drop(device, bundle):
    """Puts it into the inbox as it should be done: under another name, then renamed."""
    shutil.copy(bundle, device.share / "bundle")
    device.must("cp", "/opt/share/bundle", f"{INBOX}/.arriving")
    device.must("mv", f"{INBOX}/.arriving", f"{INBOX}/{bundle.name}")


def test_a_bundle_in_the_inbox_is_rotated_in_by_a_unit_without_a_network(enrolled):
    operator = Operator(enrolled.directory / "operator")
    configure_second(enrolled, more=f'[fleet]\nsigners = ["{operator.public}"]\n')
    operator.enrol(enrolled.machine.run("/usr/bin/fob", "fleet", "enrol", "--id", "device").stdout)
    new = enrolled.admin("POST", "/credentials", name="new", scopes=["query"])
    wrong = {**new, "clientSecret": "no-such-secret"}

    def outcome(credential, **order):
        bundle = operator.seal(credential, bundle=f"bundle-{order}".replace(" ", ""), **order)
        drop(enrolled, bundle)
        receipts = wait_until(lambda: [json.loads(line) for line in enrolled.machine.enter(
            "sh", "-c", "cat /var/lib/fob/fleet/outbox/*").stdout.splitlines() if bundle.name in line], "a receipt")
        return receipts[0]["outcome"], receipts[0]["detail"]
    # Of a profile that is in force, and of one that has its first credential by a bundle.
    assert outcome(wrong, serial=1)[0] == "rejected"
    assert outcome(new, serial=2) == ("applied", ""), enrolled.journal("--unit=fob-inbox")
    assert outcome(wrong, serial=1, profile="second")[0] == "rejected"
    assert enrolled.machine.enter("systemctl", "is-enabled", "fob-exchange@second.socket").stdout.strip() != "enabled"
    assert outcome(new, serial=2, profile="second") == ("applied", ""), enrolled.journal("--unit=fob-inbox")
    for profile in (PROFILE, "second"):
        assert client_of(enrolled.app("/usr/bin/fob", "token", profile).stdout) == new["clientId"]
    forget_second(enrolled)


def check(load, device, exchanges):
    assert load.asked > 20 and not load.failures, load.failures[:5]
    assert {status for status, _, _ in load.answers} == {200}
    assert device.exchanges() == exchanges, "no restart costs an exchange"


def restart(device):
    """Restarts fobd. Where systemd itself could not (machines that share control groups, machine.py), Restart= does, and all holds the same."""
    done = device.machine.enter("systemctl", "restart", "fob.service")
    if done.returncode:
        assert "status=219/CGROUP" in device.journal("--unit=fob.service", "--lines=12"), (done.stderr, device.journal())
        wait_until(lambda: device.main_pid() != "0", "fobd is started again")


def test_fifty_restarts_under_load_refuse_no_request_and_cost_no_exchange(enrolled):
    exchanges = enrolled.exchanges()
    with Load(enrolled.socket()) as load:
        for _ in range(50):
            restart(enrolled)
    assert load.asked_again == 0, "an orderly end loses nothing"
    check(load, enrolled, exchanges)


def test_twenty_crashes_under_load_refuse_no_request_and_cost_no_exchange(enrolled):
    exchanges = enrolled.exchanges()
    with Load(enrolled.socket()) as load:
        for _ in range(20):
            before = enrolled.main_pid()
            enrolled.must("systemctl", "kill", "--signal=KILL", "--kill-who=main", "fob.service")
            wait_until(lambda b=before: enrolled.main_pid() not in ("0", b), "fobd is back")
            time.sleep(0.1)
    # What fobd was answering in the instant of its death it takes with it, and the kernel tells the client, who may ask
    # again at once (RFC 9110 §9.2.2). Nobody is refused, and nobody has to wait for an exchange.
    assert load.asked_again <= 40, load.asked_again
    check(load, enrolled, exchanges)


def test_an_upgrade_under_load_refuses_no_request_and_keeps_configuration_and_credential(enrolled):
    shutil.copy(next_version(enrolled.package, enrolled.directory), enrolled.share / "later.deb")
    exchanges, before = enrolled.exchanges(), enrolled.main_pid()
    with Load(enrolled.socket()) as load:
        enrolled.install("later.deb")
        wait_until(lambda: enrolled.main_pid() not in ("0", before), "the new fobd runs")
    assert load.asked_again == 0
    check(load, enrolled, exchanges)
    assert enrolled.must("cat", "/etc/fob/fob.toml") == CONFIGURATION
    assert PROFILE in enrolled.machine.run("/usr/bin/fob", "credential", "list").stdout


def test_a_removal_keeps_the_credential_for_an_installation_to_come(enrolled):
    enrolled.must("systemctl", "enable", "--now", "fob-gateway.socket")
    enrolled.must("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--remove", "fob")
    assert enrolled.machine.enter("systemctl", "is-active", "fob.service", "fob.socket", f"fob-exchange@{PROFILE}.socket", "fob-gateway.socket"
                                  ).stdout.split() == ["inactive"] * 4
    enrolled.install("later.deb")
    assert enrolled.show("fob-gateway.socket", "ActiveState")["ActiveState"] == "active"
    enrolled.must("systemctl", "disable", "--now", "fob-gateway.socket")
    assert enrolled.machine.run("/usr/bin/fob", "refresh", PROFILE).returncode == 0, enrolled.journal()


def test_a_loop_that_stands_still_is_restarted(enrolled):
    drop_in = "/run/systemd/system/fob.service.d/short.conf"
    enrolled.must("install", "--directory", "/run/systemd/system/fob.service.d")
    enrolled.machine.write(drop_in, "[Service]\nWatchdogSec=6\nTimeoutAbortSec=1\n")
    enrolled.must("systemctl", "daemon-reload")
    enrolled.must("systemctl", "restart", "fob.service")
    before = enrolled.main_pid()
    time.sleep(7)
    assert enrolled.main_pid() == before, "one that turns is left alone"
    enrolled.must("systemctl", "kill", "--signal=STOP", "--kill-who=main", "fob.service")
    wait_until(lambda: enrolled.main_pid() not in ("0", before), "a fobd that turns")
    enrolled.must("rm", drop_in)
    enrolled.must("systemctl", "daemon-reload")
    assert enrolled.app("/usr/bin/fob", "token", PROFILE).returncode == 0


def test_a_store_that_does_not_open_is_said_in_the_status_and_mended_by_itself(enrolled):
    blob = f"/var/lib/fob/vault/{PROFILE}.cred"
    enrolled.must("mv", blob, blob + ".away")
    enrolled.machine.write(blob, "no credential at all", "0600")
    enrolled.machine.run("/usr/bin/fob", "refresh", PROFILE)
    wait_until(lambda: "store-locked" in enrolled.show("fob.service", "StatusText")["StatusText"], "the status says so")
    assert enrolled.show("fob.service", "ActiveState")["ActiveState"] == "active"
    enrolled.must("mv", blob + ".away", blob)
    assert enrolled.machine.run("/usr/bin/fob", "refresh", PROFILE).returncode == 0


def test_booted_in_1970_it_is_up_and_says_that_the_clock_is_wrong(enrolled):
    """A device without a battery, whose clock nobody has set yet. The machine's own cannot be set, so it is fob's
    programs that are told another time."""
    subprocess.run(["gcc", "-Wall", "-Werror", "-O1", "-fPIC", "-shared", "-o", enrolled.share / "wrong_clock.so",
                    Path(__file__).with_name("wrong_clock.c")], check=True)
    enrolled.must("install", "/opt/share/wrong_clock.so", "/usr/lib")
    enrolled.run_authority("authority-tls", 8443, "--tls")
    wait_until(lambda: enrolled.machine.enter("cp", "/var/lib/authority-tls/ca.pem", "/etc/fob/ca.pem").returncode == 0, "its CA")
    configure_second(enrolled, 'endpoint = "https://localhost:8443/v1/m2m/token"\nca_file = "/etc/fob/ca.pem"')
    unknown = json.dumps({"clientId": "nobody", "clientSecret": "nothing"})
    done = enrolled.machine.run("/usr/bin/fob", "credential", "add", "second", "-", "--no-trial", stdin=unknown)
    assert done.returncode == 6 and "it is stored, but refused" in done.stderr, done.stderr
    enrolled.machine.write("/etc/fob/wrong_by", str(1000 - int(time.time())))
    for unit in ("fob", "fob-exchange@"):
        enrolled.must("install", "--directory", f"/etc/systemd/system/{unit}.service.d")
        enrolled.machine.write(f"/etc/systemd/system/{unit}.service.d/clock.conf",
                               "[Service]\nEnvironment=LD_PRELOAD=/usr/lib/wrong_clock.so WRONG_CLOCK=/etc/fob/wrong_by\n")
    try:
        enrolled.power_off()
        enrolled.boot()
        assert enrolled.show("fob.service", "ActiveState")["ActiveState"] == "active"
        enrolled.run_authority("authority-tls", 8443, "--tls")
        enrolled.start_authority()
        for text in (f"{PROFILE}: valid", "(clock-wrong: "):
            wait_until(lambda t=text: t in enrolled.show("fob.service", "StatusText")["StatusText"], text)
    finally:
        enrolled.must("rm", "/etc/systemd/system/fob.service.d/clock.conf", "/etc/systemd/system/fob-exchange@.service.d/clock.conf")
        enrolled.must("systemctl", "daemon-reload")
        enrolled.must("systemctl", "restart", "fob.service")
        forget_second(enrolled)
        enrolled.must("rm", "/etc/fob/ca.pem", "/etc/fob/wrong_by")
    assert enrolled.app("/usr/bin/fob", "token", PROFILE).returncode == 0


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_exposed_to_little(enrolled, unit):
    # What a kernel without user namespaces cannot give is 0.2 of it.
    limit = 1.3 if "gateway" in unit else 1.0 if enrolled.gives_user_namespaces() or "exchange" not in unit else 1.2
    unit = unit.replace("@.", "@1.")
    line = enrolled.must("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
    exposure = float(line.split("for ")[1].split(": ")[1].split()[0])
    assert exposure <= limit, enrolled.must("systemd-analyze", "security", "--no-pager", unit)


def test_a_purge_leaves_nothing(enrolled):
    enrolled.must("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--purge", "fob")
    left = enrolled.must("find", "/etc", "/usr", "/var", "/run", "-xdev", "-iname", "*fob*", "-not", "-path", "/var/log/*",
                         "-not", "-path", "/run/systemd/*").split()
    assert left == [], left
    assert enrolled.machine.enter("systemctl", "is-active", "fob.service", "fob.socket").stdout.split() == ["inactive"] * 2
