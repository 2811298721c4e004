"""What is done around a document's commands, by hand so to speak: machines made ready for a document, and what its reader
has done before a command, or does after one.
"""
import json
import re

from document_places import VENDOR
from document_shell import PAPERS
from document_tables import ANSWERS, PASSPHRASE
from fob import wait_until
from machine import PROGRAMS
from package import PORT, PROFILE

INBOX, OUTBOX = "/var/lib/fob/fleet/inbox", "/var/lib/fob/fleet/outbox"
PROFILE_HERE = f'[profile.{PROFILE}]\nendpoint = "{VENDOR}/v1/m2m/token"\nscopes = ["query"]\n'
CONFIGURATION = f"""{PROFILE_HERE}
[[grant]]
profiles = ["{PROFILE}"]
user = "xr"
unit = "localizer.service"

[fleet]
signers = ["A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="]
"""

# How fob runs where a document, or a section of one, is followed; as the package, if nothing is said.
# "by hand": as README has it. "sandbox": a developer's own, out of the build. "file store": the same with state to look at.
MODES = {
    ("README.md", "Five minutes with the real vendor, by hand"): "by hand",
    ("docs/apps.md", "Developing without the vendor"): "sandbox",
    ("docs/apps.md", "Testing your app against faults"): "sandbox",
    ("docs/embedded.md", "Without systemd"): "by hand",
    ("docs/install.md", "In a user's session"): "session",
    ("docs/stores.md", "Where credentials are kept"): "file store",
    ("docs/stores.md", "Its key: three choices"): "file store",
    ("docs/stores.md", "Moving the key"): "file store",
    ("docs/stores.md", "A new key"): "file store",
    ("docs/stores.md", "Backup"): "file store",
    "docs/examples/webxr/README.md": "sandbox",
    "tests/authority/README.md": "sandbox",
}
OUT_OF_THE_BUILD = [f"PATH={PROGRAMS}:/usr/local/bin:/usr/bin:/usr/sbin", "FOB_CONFIG={home}/fob.toml",
                    "FOB_STATE_DIR={home}/STATE", "FOB_RUNTIME_DIR={home}/run"]
ENVIRONMENT = {"sandbox": OUT_OF_THE_BUILD, "file store": OUT_OF_THE_BUILD}
# What there is of the package before a document's first command; if nothing is said, what the document before has left, and
# a credential.
BEGINS_WITH = {"README.md": "nothing", "docs/install.md": "nothing", "docs/operators.md": "no credential",
               "docs/ansible/README.md": "no bundle taken"}


def begin_package(scene, place):
    scene.configurations["package"] = CONFIGURATION
    begins_with = BEGINS_WITH.get(scene.document)
    if begins_with is None and place.has_token(CONFIGURATION):
        return
    place.remove_fob()
    if begins_with != "nothing":
        place.install_fob(CONFIGURATION)
        if begins_with != "no credential":
            place.enrol_fob()


def begin_by_hand(scene, place):
    place.remove_fob()


def begin_sandbox(scene, place):
    place.machine.write(f"{scene.home}/fob.toml", '[daemon]\nstore = "file"\n' + PROFILE_HERE)


def begin_file_store(scene, place):
    begin_sandbox(scene, place)
    settings = " ".join(setting.format(home=scene.home) for setting in OUT_OF_THE_BUILD)
    place.operator(f"env {settings} fob credential add {PROFILE} -", json.dumps(place.new_credential()))


def begin_session(scene, place):
    place.begin_user_session(PROFILE_HERE)


BEGIN = {"package": begin_package, "by hand": begin_by_hand, "sandbox": begin_sandbox, "file store": begin_file_store,
         "session": begin_session}


# --- before a command

def provide(scene, item, place):
    """The files that a command names: downloads, a list of devices, receipts."""
    if place is None:
        return
    there = {path.name for path in place.path(scene.home).iterdir()}
    for download in re.findall(r"(?<!\S)(?<!> )[\w-]+\.json(?!\S)", re.sub(r"--file F(ILE)?\b", "--file new.json", item.text)):
        if download not in there:
            place.download(f"{scene.home}/{download}")
    devices = re.search(r"--devices (\S+)", item.text)
    if devices and devices[1] not in there:
        place.machine.write(f"{scene.home}/{devices[1]}", place.operator("fob fleet enrol --id headset-1"))
    if re.search(r"\breceipts\b", item.text):
        place.operator(f"mkdir -p {scene.home}/receipts; cp {OUTBOX}/*.json {scene.home}/receipts")


def have_an_app(scene, item, place):
    place.shell("localizer", "/home/xr", "xr")
    scene.facts["pid"] = place.app_pid()


def have_another_app(scene, item, place):
    if place.machine.enter("systemctl", "is-active", "other.service").returncode != 0:
        # Once it runs that program: before, it is a process of systemd's.
        place.must("systemd-run", "--unit=other", "--property=User=xr", "--property=Type=exec", "/usr/bin/localizer", "infinity")
    scene.facts["pid"] = place.show("other.service", "MainPID")["MainPID"]


def be_asked(scene, item, place):
    """By an app that may, and by one that may not."""
    place.shell("localizer", "/home/xr", "xr").run(f"fob token {PROFILE}")
    assert place.app("/usr/bin/fob", "token", PROFILE, user="nobody").returncode == 4


def have_something_to_roll_back_to(scene, item, place):
    slots = json.loads(place.operator("fob credential list --json"))
    if not any(profile.get("previous") for profile in slots):
        place.operator(f"fob credential rotate {PROFILE} -", json.dumps(place.new_credential()))


def stage_without_a_trial(scene, item, place):
    """While fobd does not run, for it would put in force what works."""
    place.operator("systemctl stop fob.service fob.socket")
    place.operator(f"fob credential rotate {PROFILE} --no-trial -", json.dumps(place.new_credential()))


def drop_the_bundle(scene, item, place):
    """The one that the document has sealed into the inbox, as it is to be done; after that one others, of higher serials."""
    before = scene.items[:scene.items.index(item)]
    seal = next((earlier.text for earlier in reversed(before) if "fob fleet seal " in earlier.text), None)
    if seal is None:
        place.operator("fob fleet enrol")
        return
    bundle = re.search(r"--out (\S+)", seal)[1]
    if scene.bundles:
        seal = re.sub(r"--serial (\d+)", lambda found: f"--serial {int(found[1]) + scene.bundles}", seal)
        place.machine.write(f"{scene.home}/passphrase", ANSWERS[PASSPHRASE], "0600")
        place.operator(f"cd {scene.home} && rm {bundle} && {seal} --passphrase-file passphrase")
    scene.bundles += 1
    place.operator(f"cp {scene.home}/{bundle} {INBOX}/.arriving && mv {INBOX}/.arriving {INBOX}/{bundle}")


def drop_it_where_nobody_watches(scene, item, place):
    place.operator("systemctl stop fob-inbox.path fob-inbox.timer")
    drop_the_bundle(scene, item, place)


def drop_it_and_wait(scene, item, place):
    drop_the_bundle(scene, item, place)
    if scene.bundles:
        wait_until(lambda: place.machine.enter("sh", "-c", f"ls {OUTBOX}/*.json").returncode == 0, "a receipt")


def have_one_promoted(scene, item, place):
    """By fobd, once it has worked."""
    place.operator(f"fob credential rotate {PROFILE} --no-trial -", json.dumps(place.new_credential()))
    wait_until(lambda: place.machine.enter("journalctl", "-u", "fob-promote@*").returncode == 0, "a promotion")


def be_refused_once(scene, item, place):
    """By the authority, so that there is something to be found."""
    for credential in place.admin("GET", "/credentials")["credentials"]:
        place.admin_run("POST", f"/credentials/{credential['clientId']}/deactivate")
    place.machine.run("fob", "refresh", PROFILE)
    for credential in place.admin("GET", "/credentials")["credentials"]:
        place.admin_run("POST", f"/credentials/{credential['clientId']}/activate")
    place.operator(f"fob refresh {PROFILE}")


def move_it_away(scene, item, place):
    """From where the command moves it to."""
    place.operator(f"fob credential migrate {PROFILE} --to file")


def have_a_certificate(scene, item, place):
    place.operator(f"cd {scene.home} && openssl req -x509 -newkey ed25519 -nodes -subj /CN=here -out server.pem -keyout /dev/null")


def show_the_editor_what_comes_next(scene, item, place):
    """What is to be written down, and in fob.toml the other listener for whose sake it is done."""
    shown = next(later for later in scene.items[scene.items.index(item):] if later.kind == "ini")
    place.machine.write(f"{PAPERS}/to-be-written", shown.text)
    before = scene.configurations["package"]
    more = before[before.index("[gateway."):].replace("[gateway.sdk]", "[gateway.other]").replace(":8787", ":8788")
    scene.write_configuration(place, "package", more)


def take_the_grant_away(scene, item, place):
    place.operator(f"printf '[[grant]]\\nprofiles = [\"{PROFILE}\"]\\nuser = \"nobody\"\\n' >>{scene.home}/fob.toml")


def have_an_image(scene, item, place):
    """With the programs, a user and a configuration, as it is built."""
    place.must("useradd", "--system", "fob")
    place.must("sh", "-c", f"ln -s {PROGRAMS}/* /usr/bin; mkdir -p /etc/fob")
    place.machine.write("/etc/fob/fob.toml", '[daemon]\nstore = "file"\n' + PROFILE_HERE)


def have_a_card(scene, item, place):
    place.operator("mkdir -p /media/card")


def name_the_key(scene, item, place):
    """As the comment above the command tells."""
    place.operator(f"sed -i '/^\\[daemon\\]/a vault_key = \"/media/card/fob.key\"' {scene.home}/fob.toml")


def draw_another_key(scene, item, place):
    place.operator("head -c 32 /dev/urandom >/media/card/fob.key")


BEFORE = [
    (None, r"", provide),
    (None, r"--pid|localizer\.service\)", have_an_app),
    ("docs/grants.md", r"--pid", have_another_app),
    (None, r"fob audit|FOB_DECISION=refused", be_asked),
    (None, r"fob credential rollback \w", have_something_to_roll_back_to),
    (None, r"fob credential promote prod-query$", stage_without_a_trial),
    (None, r"fob fleet apply( --watch)?$", drop_it_where_nobody_watches),
    (None, r"journalctl -u fob-inbox$", drop_it_and_wait),
    (None, r"journalctl -u 'fob-promote@", have_one_promoted),
    (None, r"journalctl .*ALARM", be_refused_once),
    (("docs/operators.md", "Move between stores"), r"migrate", move_it_away),
    (None, r"openssl x509 -in server\.pem", have_a_certificate),
    (None, r"systemctl edit fob-gateway\.socket", show_the_editor_what_comes_next),
    (("docs/apps.md", "Testing your app against faults"), r"fob reload", take_the_grant_away),
    ("docs/embedded.md", r"^install .*/run/fob$", have_an_image),
    ("docs/stores.md", r"/media/card", have_a_card),
    (("docs/stores.md", "Moving the key"), r"fob credential list", name_the_key),
    ("docs/stores.md", r"^fob credential remove PROFILE && ", draw_another_key),
]


# --- after a command

def configure_first(scene, item, place, done):
    scene.write_configuration(place, scene.mode(item))


def wait_for_its_socket(scene, item, place, done):
    path = "/run/fob/fob.sock" if "as_fob" in item.text else f"{scene.home}/run/fob.sock"
    wait_until(place.path(path).exists, "fobd listens")


def end_the_image(scene, item, place, done):
    wait_until(place.path("/run/fob/fob.sock").exists, "fobd listens")
    place.must("sh", "-c", f"kill $(pidof fobd); rm $(find /usr/bin -lname '{PROGRAMS}/*')")


def wait_for_the_sandbox(scene, item, place, done):
    if "> line" in item.text:
        wait_until(lambda: place.path(f"{scene.home}/line").read_text().endswith("\n"), "the sandbox listens")
    else:
        wait_until(lambda: place.machine.run("curl", "-s", "http://localhost:8500/").returncode == 0, "the sandbox listens")


def trust_the_operator(scene, item, place, done):
    """Puts the public key that was printed into the device's fob.toml."""
    scene.trust("package", re.search(r"[A-Za-z0-9+/]{43}=", done.said)[0])
    scene.write_configuration(place, "package")


def list_the_device(scene, item, place, done):
    place.machine.write(f"{scene.home}/devices.jsonl", done.out)


def watch_the_inbox_again(scene, item, place, done):
    place.operator("systemctl start fob-inbox.path fob-inbox.timer")


def end_the_fault(scene, item, place, done):
    scene.shell(item, "sandbox", place).run("admin -X DELETE $url/sandbox/fault")


def activate_it_again(scene, item, place, done):
    shell = scene.shell(item, "sandbox", place)
    again = shell.run("admin -d '' $url/sandbox/credentials/$(jq -r .clientId credential.json)/activate; fob refresh prod-query")
    assert again.status == 0, again.said


def give_the_grant_back(scene, item, place, done):
    shell = scene.shell(item, "sandbox", place)
    assert shell.run("fob token").status == 4, "the grant is for another user"
    again = shell.run("sed -i '/^\\[\\[grant/,$d' fob.toml && fob reload")
    assert again.status == 0, again.said


def start_fob(scene, item, place, done):
    place.operator("systemctl start fob.socket fob.service")


def install_again(scene, item, place, done):
    place.remove_fob()
    place.install_fob(scene.configurations["package"])


def enrol_again(scene, item, place, done):
    place.enrol_fob()


def listen_at_both(scene, item, place, done):
    place.operator("systemctl restart fob-gateway.socket")


def move_it_back(scene, item, place, done):
    scene.shell(item, "file store", place).run(f"fob credential migrate {PROFILE} --to file")


AFTER = [
    ("README.md", r"apt install ", configure_first),
    (None, r"\bfobd &", wait_for_its_socket),
    (None, r"^start-stop-daemon --start", end_the_image),
    (None, r"^fob-authority .*&", wait_for_the_sandbox),
    (None, r"fob fleet keygen --out", trust_the_operator),
    (None, r"fob fleet enrol", list_the_device),
    (None, r"fob fleet apply( --watch)?$", watch_the_inbox_again),
    ("docs/stores.md", r"fob credential migrate", move_it_back),
    ("docs/apps.md", r"admin -X PUT .*/fault$", end_the_fault),
    ("docs/apps.md", r"/deactivate; ", activate_it_again),
    (("docs/apps.md", "Testing your app against faults"), r"fob reload", give_the_grant_back),
    (None, r"fob credential promote prod-query$", start_fob),
    (None, r"apt purge fob", install_again),
    ("docs/operators.md", r"apt purge fob", enrol_again),
    (None, r"systemctl edit fob-gateway\.socket", listen_at_both),
]
