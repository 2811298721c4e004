#!/usr/bin/env python3
"""A soak: tokens of two seconds, tens of apps, and faults that come and go by chance, for as long as is wanted. Tells whether ever a dead
token was served, an app left without an answer, or something leaked; exits 1 then.

    FOB_BIN=build/release/bin tests/soak/soak.py --minutes 30 --seed 1 --json build/soak.json

What is drawn follows from the seed, what comes of it also from the machine. It takes root, to look into the programs' /proc. Two devices
are on the stage: fobd of the one lives all the time, so that what grows is seen; that of the other is restarted, killed and started anew.
"""
import argparse
import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from apps import CROWD, UPLOAD, Visitor, crowd, judge_gateway  # noqa: E402
from fob import BIN, wait_until  # noqa: E402
from judge import Judge  # noqa: E402
from record import Record, Spans, Stalls  # noqa: E402
from scene import KEPT, LIFETIME_S, PROFILES, Authority, Device  # noqa: E402
from troubles import Hands, Weather  # noqa: E402
from watcher import Watcher, judge_growth, left_over, look_at  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36
# A run so short has no time for the faults that last.
BRIEF_MINUTES = 3
# Until connections of the dead are noticed, and memory is given back.
REST_S = 60
# What a program does not need any more it gives back when it has been at rest for a moment.
GIVING_BACK_S = 5
QUIET_LIFETIME_S = 600
PROGRESS_S = 60
STRANGERS = Path(__file__).with_name("strangers.py")
VISITORS = CROWD[Visitor][0]
VISITS = 600


class Field:
    """All that the parts of a soak share."""

    def __init__(self, directory):
        self.over = threading.Event()   # for the apps
        self.calm = threading.Event()   # for those who make trouble
        self.hands = threading.RLock()  # held by whoever operates a device, or wants nobody to
        self.record = Record()
        self.spans = Spans()
        self.stalls = Stalls(self.over)
        self.judge = Judge(self)
        self.authority = Authority(directory / "authority")
        self.devices = [Device("steady", directory / "steady", self.authority, self.record, self.spans, with_gateway=True),
                        Device("restless", directory / "restless", self.authority, self.record, self.spans)]
        self.directory = directory

    def start(self):
        self.authority.sandbox.settings(lifetime_s=QUIET_LIFETIME_S)
        for device in self.devices:
            device.start()
            for profile in KEPT:
                wait_until(lambda d=device, p=profile: d.state_of(p)["state"] == "valid", "the first token")

    def stop(self):
        for device in self.devices:
            device.stop()
        self.authority.sandbox.stop()


def look_at_all(field):
    """Of each program what it takes of the machine."""
    looks = {device.name: look_at(device.pid()) for device in field.devices}
    return {**looks, "fob-gateway": look_at(field.devices[0].gateway.process.pid)}


def rest(field):
    """The first configuration, and tokens that live long, so that nothing is under way."""
    field.authority.sandbox.settings(lifetime_s=QUIET_LIFETIME_S)
    for device in field.devices:
        device.begin_anew()
        for profile in PROFILES:
            device.refresh(profile)
            device.installation.app.token(f"?profile={profile}")


def fill(field):
    """Whatever is bounded is at its bound: the audit's records, what a crowd leaves, what the gateway holds for several at once."""
    for device in field.devices:
        Hands.crowd(device)
        subprocess.run([sys.executable, STRANGERS, device.installation.app.path], check=True)
    gateway = field.devices[0].gateway
    with ThreadPoolExecutor(VISITORS) as visitors:
        statuses = set(visitors.map(lambda _: gateway.request("POST", "/v1/vps/map/query-form", b"\xff" * UPLOAD)[0], range(VISITS)))
    assert statuses == {200}, statuses


def come_to_rest(field):
    """As before the load, so after it: all that is bounded is full, and what is not needed any more has been given back."""
    rest(field)
    fill(field)
    rest(field)
    time.sleep(GIVING_BACK_S)


def wake(field):
    """Tokens that live as long as they are to."""
    field.authority.sandbox.settings(lifetime_s=LIFETIME_S)
    for device in field.devices:
        for profile in PROFILES:
            device.refresh(profile)


def settle(field, before):
    """Until nothing is left over, or the patience is at its end; what is left then, and by how many kB each program grew."""
    come_to_rest(field)
    end = time.monotonic() + REST_S
    while True:
        after = look_at_all(field)
        left = {name: left_over(before[name], look) for name, look in after.items()}
        if not any(left.values()) or time.monotonic() > end:
            return left, {name: look[0]["memory_kb"] - before[name][0]["memory_kb"] for name, look in after.items()}
        time.sleep(1)


def play(field, minutes, seed):
    """The soak itself; the watcher that saw it."""
    draw = random.Random(seed)
    brief = minutes < BRIEF_MINUTES
    apps = [app for place, device in enumerate(field.devices) for app in crowd(field, device, place, draw.getrandbits(64))]
    troubles = [Weather(field, draw.getrandbits(64), brief), Hands(field, draw.getrandbits(64), brief)]
    watcher = Watcher(field)
    for thread in (*apps, watcher, *troubles):
        thread.start()
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        time.sleep(max(0, min(PROGRESS_S, end - time.monotonic())))
        progress(field.record)
    field.calm.set()
    for thread in troubles:
        thread.join()
    field.over.set()
    for thread in (*apps, watcher):
        thread.join()
    return watcher


def progress(record):
    counts = record.counts
    print(f"{(time.monotonic() - record.began) / 60:6.1f} min  {counts['requests']} requests, {counts['tokens served']} tokens served, "
          f"{sum(n for what, n in counts.items() if what.startswith('fault: '))} faults, {sum(record.kinds.values())} complaints", flush=True)


def look_through_files(field):
    """No log, and no other file of a device, holds a secret or a token."""
    sizes = {}
    for device in field.devices:
        for file in device.installation.directory.rglob("*"):
            if not file.is_file():
                continue
            text = file.read_bytes().decode("latin-1")
            if field.record.leak_in(text):
                field.record.complain("no secret and no token in a file", str(file))
            if file in device.logs():
                look_through_log(field.record, file.name, text)
                sizes[f"{device.name}/{file.name}"] = len(text)
    return sizes


def look_through_log(record, name, text):
    for line in text.split("\n"):
        if any(word in line for word in ("please report this", "terminate called", "Sanitizer", "runtime error", "Assertion")):
            record.complain("no program has a fault of its own", f"{name}: {line}")
        if "systemd could not be told" in line:
            record.count("messages to the service manager that were lost")


def figures(field, minutes, seed, watcher, left, grown):
    """All that was seen, for people and programs."""
    counted = field.authority.counted()
    lived = {name: samples for name, samples in watcher.samples.items() if name != "restless"}
    return {"minutes": minutes, "seed": seed, "programs": str(BIN), "distinct_tokens": len(field.record.tokens),
            "exchanges": dict(counted), "most_exchanges_in_flight": field.authority.most_in_flight,
            "counts": dict(sorted(field.record.counts.items())), "maxima": dict(sorted(field.record.maxima.items())),
            "longest_stall_of_the_machine_s": round(field.stalls.longest(), 2), "seconds_of_stalls": round(sum(b - a for a, b in field.stalls.found), 1),
            "grew": {name: judge_growth(field.record, name, samples, minutes >= BRIEF_MINUTES) for name, samples in lived.items()},
            "lives_of_fobd": {name: len({sample["pid"] for sample in watcher.samples[name]}) for name in ("steady", "restless")},
            "left_over_at_rest": left, "grown_at_rest": grown}


def show(told):
    print(f"\nA soak of {told['minutes']} minutes, seed {told['seed']}, of {told['programs']}")
    print(f"  exchanges: {told['exchanges']}, at most {told['most_exchanges_in_flight']} in flight; {told['distinct_tokens']} tokens seen by apps")
    for part in ("counts", "maxima"):
        for what, value in told[part].items():
            print(f"  {value:>10}  {what}")
    print(f"  {told['longest_stall_of_the_machine_s']:>10}  longest stall of the machine, s (of {told['seconds_of_stalls']} s in all)")
    for name, report in told["grew"].items():
        for what, values in report.items():
            print(f"  {name}: {what} {values['first']} at first, {values['last']} at last, {values['most']} at most, {values['slope_an_hour']:+} an hour")
    for name, kb in told["grown_at_rest"].items():
        print(f"  {name}: {kb:+} kB since before the load, at rest")
    print(f"  left over at rest: {({name: words for name, words in told['left_over_at_rest'].items() if words}) or 'nothing'}")
    print("  " + ("COMPLAINTS: " + json.dumps(told["complaints_by_kind"], indent=2) if told["complaints"] else "no complaint"))


def soak(minutes, seed, directory):
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a killed fobd leaves behind comes to us
    field = Field(directory)
    try:
        field.start()
        come_to_rest(field)
        before = look_at_all(field)
        wake(field)
        watcher = play(field, minutes, seed)
        left, grown = settle(field, before)
        for name, words in left.items():
            if words:
                field.record.complain("nothing leaks", f"{name}, at rest: {words} more than before the load")
        judge_gateway(field.record)
        kept = {device.name: len(device.installation.holder.kept) for device in field.devices}
        if max(kept.values()) > len(PROFILES):
            field.record.complain("nothing leaks", f"descriptors with the service manager: {kept}")
        told = figures(field, minutes, seed, watcher, left, grown)
    finally:
        field.stop()
    log_bytes = look_through_files(field)
    return {**told, "log_bytes": log_bytes, "complaints": field.record.complaints, "complaints_by_kind": dict(field.record.kinds)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=None, help="what is drawn follows from it; a new one unless said")
    parser.add_argument("--json", type=Path, help="where the figures go besides standard output")
    parser.add_argument("--keep", action="store_true", help="leave the files, with the logs, where they are")
    return parser.parse_args()


def main():
    chosen = arguments()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"seed {seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="fob-soak-"))
    try:
        told = soak(chosen.minutes, seed, directory)
    finally:
        if chosen.keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory)
    show(told)
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=1) + "\n")
    return 1 if told["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
