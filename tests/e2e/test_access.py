"""fob explain and fob audit: why a process may or may not have a token, and who asked."""
import json
import os
import signal
import subprocess
import threading

from fob import BIN, PATIENCE, wait_until

PROFILE = "prod-query"


def granted_to(installation, sandbox, *grants):
    installation.configure_for(sandbox)
    text = "".join(f'\n[[grant]]\nprofiles = ["{PROFILE}"]\n' + "\n".join(f'{k} = "{v}"' for k, v in g.items()) for g in grants)
    installation.configure(installation.config.read_text() + text + "\n")
    installation.start()


def test_a_process_is_explained_on_one_screen(sandbox, enrolled):
    granted_to(enrolled, sandbox, {"user": "daemon", "unit": "localizer.service"}, {"user": os.geteuid(), "exe": "/usr/bin/other"})
    done = enrolled.fob("explain", "--pid", str(os.getpid()))
    assert done.returncode == 0 and not done.stderr, done
    screen = done.stdout
    assert screen.startswith(f"process {os.getpid()}, if it connected now:\n  user        ")
    assert f"{PROFILE}: not granted" in screen and "grant 1 (" in screen and "grant 2 (" in screen
    assert f"exe is {os.path.realpath('/proc/self/exe')}, not /usr/bin/other" in screen
    assert len(screen.splitlines()) < 24


def test_a_described_process_is_explained(sandbox, enrolled):
    granted_to(enrolled, sandbox, {"user": "daemon", "unit": "localizer.service"})
    done = enrolled.fob("explain", "--as", "user=daemon,unit=localizer.service", "--json")
    document = json.loads(done.stdout)
    assert document["profiles"][0]["granted"] and document["profiles"][0]["grant"] == 1
    assert enrolled.fob("explain", "--as", "user=daemon,unit=localizer.service").stdout.endswith(f"{PROFILE}: granted, by grant 1\n")
    assert "unit is other.service, not localizer.service" in enrolled.fob("explain", "--as", "user=daemon,unit=other.service").stdout


def test_a_question_that_makes_no_sense_says_what_would(sandbox, enrolled):
    granted_to(enrolled, sandbox, {"user": "daemon"})
    for arguments, status, words in (((), 2, "say which process"), (("--pid", "0"), 2, "--pid"), (("--pid", "x"), 2, "--pid"),
                                     (("--pid", "1", "--as", "user=root"), 2, "--as"), (("--as", "nonsense"), 2, "describes no process"),
                                     (("--pid", "4194303"), 1, "there is no process 4194303"),
                                     (("--as", "user=nobody-of-this-name"), 2, "there is no user")):
        done = enrolled.fob("explain", *arguments)
        assert done.returncode == status and words in done.stderr, (arguments, done)


def test_the_audit_says_who_asked_and_folds_what_repeats(sandbox, enrolled):
    granted_to(enrolled, sandbox, {"user": os.geteuid()})
    assert enrolled.app.token("?wait=10")[0] == 200
    token = enrolled.app.token()[1]
    for _ in range(200):
        assert enrolled.app.token()[0] == 200
    done = enrolled.fob("audit", "--json")
    assert token["access_token"] not in done.stdout + enrolled.log.read_text()
    served = [r for r in map(json.loads, done.stdout.splitlines()) if r["what"] == "token"]
    assert len(served) == 1, "two hundred alike are one record"
    record, = served
    assert record["fingerprint"] == token["fingerprint"] and record["peer_pid"] == os.getpid() and record["grant"] == 1
    line = next(line for line in enrolled.fob("audit").stdout.splitlines() if "token of" in line)
    assert f"granted  token of {PROFILE}  pid {os.getpid()} uid {os.geteuid()}" in line and token["fingerprint"] in line
    assert enrolled.log.read_text().count("audit: granted token") == 1


def test_the_audit_is_followed_across_a_restart(sandbox, enrolled):
    granted_to(enrolled, sandbox, {"user": os.geteuid()})
    assert enrolled.app.token("?wait=10")[0] == 200
    following = subprocess.Popen([BIN / "fob", *enrolled.flags(), "audit", "--follow", "--json"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True)
    live = []

    def read():
        for line in following.stdout:
            live.append(json.loads(line))
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    wait_until(lambda: any(r["what"] == "token" for r in live), "what was kept")
    assert enrolled.app.request("GET", "/v1/profiles")[0] == 200
    wait_until(lambda: any(r["what"] == "profiles" for r in live), "a new one, as it happens")
    enrolled.stop()
    enrolled.start()
    count = len(live)
    assert enrolled.app.token("?wait=10")[0] == 200
    wait_until(lambda: any(r["what"] == "token" for r in live[count:]), "those of the next fobd")
    following.send_signal(signal.SIGINT)
    following.wait(PATIENCE)
    reader.join(PATIENCE)
    following.stdout.close()
