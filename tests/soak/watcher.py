"""What the programs take of the machine while all this happens: sampled from outside, and judged by whether it grows."""
import os
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

from fob import name_of
from record import Record
from scene import MOST_PAGES, PROFILES
from test_hostile_apps import memory_kb

SAMPLE_S = 2
# The first part of a run, in which caches fill: a tenth, or this if that is less.
WARM_UP_S = 120
RATE_WINDOW_S = 15
# Of one profile (daemon/core/refresh.cpp); operators and restarts come on top.
MOST_EXCHANGES_IN_15_S = 25
# An exchange that hangs is given up after 40 s; its process with it.
LONGEST_CHILD_S = 50
OWN = ("fob-exchange", "fob-witness", "fobd-launcher")


def kind_of(target):
    """Of a descriptor, by where its link in /proc leads: socket, memfd, pidfd, eventpoll …"""
    if target.startswith("/"):
        return "memfd" if target.startswith("/memfd:") else "file"
    name, _, rest = target.partition(":")
    return rest.strip("[]") if name == "anon_inode" else name


def kinds_of_descriptors(pid):
    """How many there are of each kind."""
    kinds = Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            kinds[kind_of(os.readlink(link))] += 1
        except FileNotFoundError:
            pass  # closed meanwhile
    return kinds


def threads_of(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


class Child(NamedTuple):
    pid: int
    name: str
    state: str
    age: float


def children_of(pid):
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            fields = Path(f"/proc/{child}/stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")  # proc(5), starttime
        found.append(Child(int(child), name_of(child) or "", fields[0], age))
    return found


def look_at(pid):
    """All of it, as one sample."""
    kinds = kinds_of_descriptors(pid)
    return {"memory_kb": memory_kb(pid), "descriptors": sum(kinds.values()), "sockets": kinds["socket"], "memfds": kinds["memfd"],
            "pidfds": kinds["pidfd"], "threads": threads_of(pid), "children": len(children_of(pid))}, kinds


class Watcher(threading.Thread):
    """Samples the daemons and the gateway, and the authority's counts."""

    def __init__(self, field):
        super().__init__(daemon=True)
        self.field = field
        self.record: Record = field.record
        self.samples = {device.name: [] for device in field.devices} | {"fob-gateway": []}
        self.counts = []
        self.zombies = set()

    def run(self):
        while not self.field.over.wait(SAMPLE_S):
            try:
                self.look()
            except Exception:  # it is to be told: what is not watched is not shown
                self.record.complain("the soak's own parts work", traceback.format_exc()[-1500:])
        self.count_exchanges()

    def look(self):
        for device in self.field.devices:
            pid = device.pid()
            self.sample(device.name, pid)
            self.look_at_children(device, pid)
            self.look_at_watchdog(device)
            self.look_whether_it_lives(device)
            if device.gateway:
                self.sample("fob-gateway", device.gateway.process.pid)
            self.record.most(f"tokens kept for a successor, {device.name}", len(device.installation.holder.kept))
        self.reap_orphans()
        self.count_exchanges()

    def sample(self, name, pid):
        try:
            values, _ = look_at(pid)
        except OSError:
            return  # between two lives
        self.samples[name].append({"at": time.monotonic() - self.record.began, "pid": pid, **values})

    def look_at_children(self, device, pid):
        """None is left unreaped, none outlives its work, and none has a secret where others can read it."""
        try:
            children = children_of(pid)
        except OSError:
            return
        for child in children:
            if child.name == "fob-exchange" and child.age > LONGEST_CHILD_S + self.field.stalls.longest():
                self.record.complain("an exchanger ends in its time", f"{child} of {device.name}")
            self.look_for_leaks(child.pid)
        zombies = {child.pid for child in children if child.state == "Z"}
        for zombie in zombies & self.zombies:
            self.record.complain("fobd leaves no zombie", f"{zombie} of {device.name}")
        self.zombies = (self.zombies - {child.pid for child in children}) | zombies
        self.look_for_leaks(pid)

    def look_for_leaks(self, pid):
        for where in ("cmdline", "environ"):
            try:
                text = Path(f"/proc/{pid}/{where}").read_bytes().decode("latin-1")
            except OSError:
                continue
            if self.record.leak_in(text):
                self.record.complain("no secret and no token in arguments or environment", f"{where} of {pid}")

    def look_at_watchdog(self, device):
        silent = device.installation.holder.silent_for()
        self.record.most("longest time that fobd said nothing to its watchdog, s", round(silent, 1))
        now = time.time()
        if silent > 30 + self.field.stalls.within(now - 60, now):
            self.record.complain("fobd tells its watchdog that it lives", f"{device.name}: silent for {silent:.0f} s")

    def look_whether_it_lives(self, device):
        daemon, now = device.installation.daemon, time.time()
        if daemon and daemon.poll() is not None and not self.field.spans.any(("restart", device.name), now - SAMPLE_S, now):
            self.record.complain("no program ends by itself", f"fobd of {device.name}: {daemon.returncode}")
        if device.gateway and device.gateway.process.poll() is not None:
            self.record.complain("no program ends by itself", f"fob-gateway: {device.gateway.process.returncode}")

    def reap_orphans(self):
        """Children of a daemon that was killed are ours now; they are to end by themselves."""
        for child in children_of(os.getpid()):
            if child.name in OWN and child.state == "Z":
                os.waitpid(child.pid, 0)
                self.record.count("orphans of a killed fobd that ended by themselves")
            elif child.name in OWN and child.age > LONGEST_CHILD_S + self.field.stalls.longest():
                self.record.complain("what a killed fobd had started ends by itself", str(child))

    def count_exchanges(self):
        counted = self.field.authority.counted()
        if counted is None:
            return
        now = time.monotonic()
        self.counts.append((now, counted["total"], self.record.counts["commands"] + self.record.counts["restarts"]))
        window = [c for c in self.counts if c[0] >= now - RATE_WINDOW_S]
        seconds = now - window[0][0]
        profiles = len(PROFILES) * len(self.field.devices)
        # A command may make up to three: a trial, a refresh, and one more where the credential changed under way.
        allowed = MOST_EXCHANGES_IN_15_S * profiles * max(1, seconds / RATE_WINDOW_S) + 3 * (counted_by_hand := window[-1][2] - window[0][2])
        made = window[-1][1] - window[0][1]
        if seconds > RATE_WINDOW_S * 0.7:
            self.record.most("most exchanges of one profile in 15 s, on average", round(made / profiles * RATE_WINDOW_S / seconds, 1))
        if made > allowed:
            self.record.complain("exchanges are as rare as they should be", f"{made} in {seconds:.0f} s, with {counted_by_hand} commands")


def mean(values):
    return sum(values) / len(values)


def slope_an_hour(samples, what):
    """By least squares."""
    times = [sample["at"] / 3600 for sample in samples]
    values = [sample[what] for sample in samples]
    centre, middle = mean(times), mean(values)
    spread = sum((at - centre) ** 2 for at in times)
    return sum((at - centre) * (value - middle) for at, value in zip(times, values)) / spread if spread else 0


def growth(samples, what):
    """Medians of the first and the last third after the warm-up, and the slope. What comes and goes at once is nobody's growth."""
    begin, end = samples[0]["at"], samples[-1]["at"]
    warm = [sample for sample in samples if sample["at"] >= begin + min(WARM_UP_S, (end - begin) / 10)]
    third = max(1, len(warm) // 3)
    return {"first": median(sample[what] for sample in warm[:third]), "last": median(sample[what] for sample in warm[-third:]),
            "most": max(sample[what] for sample in warm), "slope_an_hour": round(slope_an_hour(warm, what), 1)}


# By how much the last third may exceed the first, where nothing leaks: how many requests are under way at once changes with the machine.
# What is left when they are gone is counted to the last one, below.
ALLOWED = {"memory_kb": 512, "descriptors": 40, "sockets": 20, "memfds": 1, "pidfds": 20, "threads": 0, "children": 2}


def judge_growth(record, name, samples, long_enough):
    """What grew of one process that lived all the time. Where that was not long enough, it is told and not judged."""
    report = {what: growth(samples, what) for what in ALLOWED}
    for what, allowed in ALLOWED.items():
        grew = report[what]["last"] - report[what]["first"]
        if long_enough and grew > allowed:
            record.complain("nothing leaks", f"{name}: {what} grew by {grew:.1f}, {report[what]}")
    return report


# At rest: what may be there that was not there before the load.
AT_REST = {"memfd": MOST_PAGES, "socket": 2, "pidfd": 2}
# Connections to the API, pieces that the allocator keeps.
MEMORY_AT_REST_KB = 512


def left_over(before, after):
    """What is more than before, in words; empty where nothing is."""
    words = [f"{after[1][kind] - before[1][kind]} × {kind}" for kind in after[1] if after[1][kind] > before[1][kind] + AT_REST.get(kind, 0)]
    grew = after[0]["memory_kb"] - before[0]["memory_kb"]
    if grew > MEMORY_AT_REST_KB:
        words.append(f"{grew} kB of memory")
    if after[0]["threads"] > before[0]["threads"]:
        words.append("threads")
    return ", ".join(words)
