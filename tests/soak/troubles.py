"""What goes wrong meanwhile: the authority's faults, one after the other, each with its end and the time within which there must be tokens
again; and at the same time what operators and chance do to the devices. What comes next is drawn, by a seed.
"""
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import traceback

from fob import BIN
from scene import BAD_CONFIGURATION, KEPT, PROFILES

# An exchange ends within that time, whatever becomes of it.
EXCHANGE_S = 50
LONGEST_WAIT_S = 60
# How much later than promised there may be a token: an exchange on a busy machine.
SLACK_S = 4


class Weather(threading.Thread):
    """The authority, and the way there."""
    CALM_S, HOLD_S = (1, 5), (0.3, 6)

    def __init__(self, field, seed, brief):
        super().__init__(daemon=True)
        self.field = field
        self.record = field.record
        self.spans = field.spans
        self.authority = field.authority
        self.draw = random.Random(seed)
        self.brief = brief
        self.choice = list(self.faults())

    def faults(self):
        """(name, what it is, whether an operator must act after it); as often in the list as it is likely."""
        def by_sandbox(name, needs_person=False, **fault):
            return name, lambda hold: self.by_sandbox(hold, **fault), needs_person
        for status in (500, 503, 404):
            yield by_sandbox(f"status {status}", kind="status", status=status)
        yield by_sandbox("status 429 with Retry-After", kind="status", status=429, retry_after="2")
        yield by_sandbox("status 403", True, kind="status", status=403)
        for kind in ("html", "json_garbage", "garbage", "error_200", "truncated", "reset", "empty", "redirect", "huge", "past_expiry"):
            yield by_sandbox(kind, kind=kind)
        yield by_sandbox("no_expiry", kind="no_expiry", opaque=True)
        for delay_ms in (200, 700, 1500):
            yield by_sandbox(f"slow by {delay_ms} ms", kind="slow", delay_ms=delay_ms)
        if not self.brief:  # who hangs is given up after 30 s only
            yield by_sandbox("hang", kind="hang", count=2)
        yield "frozen", self.freeze, False
        for with_signal in (signal.SIGTERM, signal.SIGKILL):
            yield f"down by {with_signal.name}", lambda hold, how=with_signal: self.be_away(hold, how), False
        for flaw in ("expired", "wrong-host", "untrusted"):
            yield f"TLS {flaw}", lambda hold, bad=flaw: self.be_away(hold, signal.SIGTERM, "--bad-cert", bad), False
        for _ in range(3):
            yield "credential rejected", self.reject, False

    def run(self):
        try:
            while not self.field.calm.wait(self.draw.uniform(*self.CALM_S)):
                self.suffer(*self.draw.choice(self.choice))
        except Exception:  # it is to be told: a soak without troubles proves nothing
            self.record.complain("the soak's own parts work", traceback.format_exc()[-1500:])

    def suffer(self, name, fault, needs_person):
        self.record.count(f"fault: {name}")
        hold = self.draw.uniform(*self.HOLD_S) / (3 if self.brief else 1)
        with self.spans.during("authority"):
            if needs_person:
                with self.spans.during("rejected", lingers=1), self.field.hands:
                    fault(hold)
                    self.refresh_all()
            else:
                fault(hold)
            self.recover(name)

    def by_sandbox(self, hold, **fault):
        with self.authority.lock:
            self.authority.sandbox.fault(**fault)
        self.field.calm.wait(hold)
        with self.authority.lock:
            self.authority.sandbox.mend()

    def freeze(self, hold):
        with self.authority.lock, self.spans.during("away", lingers=1):
            self.authority.sandbox.process.send_signal(signal.SIGSTOP)
            self.field.calm.wait(hold)
            self.authority.sandbox.process.send_signal(signal.SIGCONT)

    def be_away(self, hold, with_signal, *flags):
        """Ends, and is another one, or none, for a while."""
        with self.authority.lock, self.spans.during("away", lingers=1):
            self.authority.stop(with_signal)
            if flags:
                self.authority.start(*flags)
            self.field.calm.wait(hold)
            if flags:
                self.authority.stop()
            self.authority.start()

    def reject(self, hold):
        """Each credential that a profile of a device ever had is refused, until an operator brings another."""
        device, profile = self.draw.choice(self.field.devices), self.draw.choice(PROFILES)
        with self.field.hands, self.spans.during("rejected", lingers=1):
            device.lose_credentials(profile)
            self.field.calm.wait(hold)
            if not device.rotate(profile):
                self.record.complain("`fob credential rotate` mends a rejected credential", f"{device.name}/{profile}")

    def refresh_all(self):
        for device in self.field.devices:
            for profile in PROFILES:
                device.refresh(profile)

    def recover(self, name):
        """The fault is over: within the time that the waits allow, each profile that is kept fresh has a token, and nobody lays hands on
        the devices meanwhile."""
        mended = time.monotonic()
        with self.field.hands:
            left = {(device, profile): None for device in self.field.devices for profile in KEPT}
            while left:
                for key in list(left):
                    left[key] = self.look_at(*key, left[key], name)
                    if left[key] == "well":
                        del left[key]
                time.sleep(0.05)
        self.record.most("longest time to recover from a fault, s", round(time.monotonic() - mended, 2))
        self.record.most(f"longest time to recover, s: {name}", round(time.monotonic() - mended, 2))

    def look_at(self, device, profile, promised, name):
        """When it promised to be well; "well" once it is."""
        now = time.monotonic()
        status = device.state_of(profile)
        if status["state"] == "valid" and not status["failing"]:
            return "well"
        if status["exchanging"]:
            return promised or now + EXCHANGE_S + LONGEST_WAIT_S
        planned = status["next_attempt_in"]
        if status["next_attempt_why"] == "probe" or planned is None or planned > LONGEST_WAIT_S:
            self.record.complain("after a fault that passes, it is tried again soon", f"{name}: {device.name}/{profile}: {status}")
            device.refresh(profile)
            return None
        return self.keeps_its_promise(device, profile, promised, status, name)

    def keeps_its_promise(self, device, profile, promised, status, name):
        now = time.monotonic()
        by = now + status["next_attempt_in"] + 1 + SLACK_S
        if promised is None or promised > now + LONGEST_WAIT_S:  # the first look, or the exchange that was under way has ended
            return by
        if now > promised + self.field.stalls.longest():
            error = (status["last_error"] or {}).get("detail", "")
            if "lifetime was over before it arrived" in error:
                self.record.count("exchanges that took longer than a token lives")
            else:
                self.record.complain("after each fault there is a token within the time that the waits allow", f"{name}: {device.name}/{profile}: {status}")
            return by
        return promised


class Hands(threading.Thread):
    """What operators do to devices, and chance."""
    PAUSE_S = 3

    def __init__(self, field, seed, brief):
        super().__init__(daemon=True)
        self.field = field
        self.record = field.record
        self.spans = field.spans
        self.draw = random.Random(seed)
        self.pause = self.PAUSE_S / (3 if brief else 1)
        anywhere = [self.kill_exchange] * 3 + [self.kill_witness, self.hang_up, self.reload, self.change, self.change, self.withdraw, self.misconfigure,
                                               self.refresh, self.rotate, self.rotate, self.break_a_rotation, self.roll_back, self.crowd]
        self.acts = {device: anywhere + ([self.restart, self.crash, self.forget_and_restart] * 2 if restless else [])
                     for device, restless in zip(field.devices, (False, True))}

    def run(self):
        while not self.field.calm.wait(self.draw.expovariate(1 / self.pause)):
            device = self.draw.choice(self.field.devices)
            act = self.draw.choice(self.acts[device])
            with self.field.hands:
                try:
                    with self.spans.during(("hands", device.name)):
                        self.record.count(f"done to a device: {act.__name__.replace('_', ' ')}")
                        act(device)
                except Exception:  # as with the weather
                    self.record.complain("the soak's own parts work", traceback.format_exc()[-1500:])

    def kill_exchange(self, device):
        """One that is under way."""
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for pid in device.installation.children("fob-exchange"):
                os.kill(pid, signal.SIGKILL)
                return self.record.count("exchangers killed in flight")
            time.sleep(0.001)
        return None

    def kill_witness(self, device):
        for pid in device.installation.children("fob-witness"):
            os.kill(pid, signal.SIGKILL)

    def hang_up(self, device):
        device.installation.daemon.send_signal(signal.SIGHUP)

    def reload(self, device):
        device.operate("reload")

    def change(self, device):
        """One thing in the configuration."""
        what = self.draw.choice(("lazy_refresh", "idle_after", "more_scopes", "visitor"))
        settings = device.settings
        setattr(settings, what, {"lazy_refresh": "always" if settings.lazy_refresh == "on-demand" else "on-demand",
                                 "idle_after": "6h" if settings.idle_after == "2d" else "2d",
                                 "more_scopes": not settings.more_scopes, "visitor": not settings.visitor}[what])
        device.configure()
        device.operate("reload")

    def withdraw(self, device):
        """The grant of one profile, for a moment."""
        with self.spans.during(("ungranted", device.name), lingers=1):
            device.settings.lazy_granted = False
            device.configure()
            device.operate("reload")
            self.field.calm.wait(self.draw.uniform(0, 2))
            device.settings.lazy_granted = True
            device.configure()
            device.operate("reload")

    def misconfigure(self, device):
        """What is on disk is wrong for a moment. Who asks the authority just then fails by it, and waits to be told that it is mended."""
        with self.spans.during(("misconfigured", device.name), lingers=1):
            device.installation.configure(BAD_CONFIGURATION)
            if self.draw.random() < 0.5:
                device.operate("reload", expected=(7,))
            else:
                device.installation.daemon.send_signal(signal.SIGHUP)
            self.field.calm.wait(self.draw.uniform(0, 1))
            device.configure()
            device.operate("reload")
            for profile in PROFILES:
                device.refresh(profile)

    def refresh(self, device):
        device.refresh(self.draw.choice(PROFILES))

    def rotate(self, device):
        device.rotate(self.draw.choice(PROFILES))

    def break_a_rotation(self, device):
        """Kills `fob` in the midst of it."""
        profile = self.draw.choice(PROFILES)
        credential = device.new_credential(profile)
        device.credentials[profile].append(credential)
        command = [BIN / "fob", *device.installation.flags(), "credential", "rotate", profile, "--file", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broken:
            broken.stdin.write(json.dumps(credential).encode())
            broken.stdin.close()
            self.field.calm.wait(self.draw.uniform(0, 0.3))
            broken.kill()
        device.operate("credential", "list", "--json")

    def roll_back(self, device):
        profile = self.draw.choice(PROFILES)
        if device.may_roll_back.get(profile):
            device.operate("credential", "rollback", profile, expected=(0, 5, 8))

    @staticmethod
    def crowd(device):
        """Many who connect at once, say half a word, and leave."""
        many = []
        try:
            for number in range(200):
                many.append(socket.socket(socket.AF_UNIX))
                many[-1].connect(str(device.installation.app.path))
                if number % 2:
                    many[-1].send(b"GET /v1/tok")
        except ConnectionError:
            pass
        finally:
            for one in many:
                one.close()

    def restart(self, device):
        """As systemd does it for an upgrade: with the sockets and what was kept."""
        before = self.tokens_of(device)
        with self.spans.during(("restart", device.name)):
            status = device.installation.stop()
            device.installation.start()
        if status != 0:
            self.record.complain("a program ends with status 0 when it is told to", f"fobd of {device.name}: {status}")
        if before & self.tokens_of(device):
            self.record.count("restarts that a token outlived")

    def tokens_of(self, device):
        return {state["fingerprint"] for state in (device.state_of(profile) for profile in PROFILES) if state["fingerprint"]}

    def crash(self, device):
        with self.spans.during(("crash", device.name), lingers=1), self.spans.during(("restart", device.name)):
            device.installation.stop(signal.SIGKILL)
            device.installation.start()

    def forget_and_restart(self, device):
        """As without systemd: all tokens are fetched anew."""
        with self.spans.during(("restart", device.name)):
            device.installation.stop()
            device.installation.holder.settle()
            device.installation.holder.forget()
            device.installation.start()
