"""What fobd takes of a device that has nothing for it to do, and what connections add."""
import socket
import time
from pathlib import Path

from figures import Figure, Goal
from stage import REQUEST

CONNECTIONS = 1000
SETTLE_S = 3


def rollup(pid, *names):
    """The sum of these of the process's figures in smaps_rollup, in bytes."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    kib = {words[0].removesuffix(":"): int(words[1]) for words in lines}
    return sum(kib[name] for name in names) * 1024


def pss(pid):
    return rollup(pid, "Pss")


def switches(pid):
    """How often the process has run: its context switches of both kinds, over all threads."""
    return sum(int(line.split()[1]) for task in Path(f"/proc/{pid}/task").iterdir()
               for line in (task / "status").read_text().splitlines() if "ctxt_switches" in line)


def connected(path):
    """A connection on which one request has been answered."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    connection.sendall(REQUEST.encode())
    if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
        raise AssertionError("no token")
    return connection


def measure(stage, quick):
    fob = stage.started("memory")
    pid = fob.daemon.pid
    time.sleep(SETTLE_S)
    idle = pss(pid)
    yield Figure("memory, idle", "Proportional set size (PSS) of fobd with one profile and its token, some seconds after the last request.",
                 {"fob": idle}, "B", idle, "B", Goal(2.5e6))
    private = rollup(pid, "Private_Clean", "Private_Dirty")
    yield Figure("of it, memory of fobd alone", "What no other process maps too. The share of the rest depends on what else runs.",
                 {"fob": private}, "B", private, "B")

    before, rest = switches(pid), 5 if quick else 20
    time.sleep(rest)
    ran = switches(pid) - before
    yield Figure(f"context switches in {rest} s, idle", "How often the kernel let fobd run while nobody asked: each would wake a core.",
                 {"fob": ran}, "", ran, "", Goal(0))

    held = [connected(fob.runtime / "fob.sock") for _ in range(CONNECTIONS)]
    each = (pss(pid) - idle) / CONNECTIONS
    yield Figure(f"memory of a connection, of {CONNECTIONS}", "What each of so many kept connections adds to the PSS after its first "
                 "request. What the kernel holds for it is not in it.", {"fob": each}, "B", each, "B", Goal(2.5e3))

    for connection in held:
        connection.close()
    time.sleep(2 * SETTLE_S)
    left = pss(pid) - idle
    yield Figure("memory that stays, above idle", f"Some seconds after the {CONNECTIONS} connections were closed.",
                 {"fob": left}, "B", left, "B", Goal(2e5))
