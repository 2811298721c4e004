#!/usr/bin/env python3
"""The arrows of the house: which room may include which. Any other include is a failure (see daemon/DESIGN.md)."""
import re
import sys
from pathlib import Path

ROOMS = {
    "ipc/base": set(),
    "ipc/confine": {"ipc/base"},
    "ipc/wire": {"ipc/base"},
    "ipc/transport": {"ipc/base", "ipc/wire"},
    "ipc/client": {"ipc/base", "ipc/wire"},
    "daemon/config": {"ipc/base", "ipc/wire"},
    "daemon/core": {"ipc/base"},
    "daemon/store": {"ipc/base", "ipc/wire", "daemon/config"},
    "daemon/fleet": {"ipc/base", "ipc/wire"},
    "daemon/broker": {"ipc/base", "ipc/confine", "ipc/wire", "ipc/transport", "daemon/config", "daemon/core"},
    "daemon/https": set(),
    "daemon/exchanger": {"ipc/base", "ipc/confine", "ipc/wire", "daemon/config", "daemon/https", "daemon/store"},
    "daemon/witness": {"ipc/base", "ipc/confine", "ipc/wire"},
    "daemon/doctor": {"ipc/base", "ipc/wire", "ipc/client", "daemon/config", "daemon/store"},
    "daemon/cli": {"ipc/base", "ipc/wire", "ipc/client", "daemon/config", "daemon/store", "daemon/doctor",
                   "daemon/fleet"},
    "daemon/gateway": {"ipc/base", "ipc/confine", "ipc/wire", "ipc/client", "daemon/config", "daemon/https"},
    "tests/authority": {"ipc/base", "ipc/wire"},
}
# Which rooms may include a library: the first start of the include's path that fits decides.
LIBRARIES = {
    # Beast's parser takes its bytes as an Asio buffer; no other part of Asio is in libfob.
    "boost/asio/buffer.hpp": {"ipc/client", "ipc/transport", "daemon/broker", "daemon/gateway", "tests/authority"},
    "curl/": {"daemon/https", "daemon/exchanger", "daemon/gateway"},
    "libsecret/": {"daemon/store"},
    "gio/": {"daemon/store"},
    "glib": {"daemon/store"},
    "seccomp.h": {"ipc/confine"},
    "openssl/": {"daemon/exchanger", "tests/authority"},
    "boost/asio": {"ipc/transport", "daemon/broker", "daemon/gateway", "tests/authority"},
    "boost/beast": {"ipc/client", "daemon/broker", "daemon/gateway", "tests/authority"},
    "toml++/": {"daemon/config"},
    "CLI/": {"daemon/config", "daemon/broker", "daemon/exchanger", "daemon/witness", "daemon/gateway", "daemon/cli", "tests/authority"},
}
PROJECT = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
LIBRARY = re.compile(r"^\s*#\s*include\s+<([^>]+)>")


def room_of(path):
    return next((room for room in ROOMS if path.startswith(room + "/")), None)


def faults(root):
    for file in sorted(root.rglob("*.[ch]pp")):
        name = file.relative_to(root).as_posix()
        room = room_of(name)
        if room is None:
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if found := PROJECT.match(line):
                target = room_of(found[1])
                if target is None:
                    yield f"{name}:{number}: \"{found[1]}\" is not an absolute path into a room"
                elif target != room and target not in ROOMS[room]:
                    yield f"{name}:{number}: {room} must not include {target}"
            if found := LIBRARY.match(line):
                rooms = next((rooms for start, rooms in LIBRARIES.items() if found[1].startswith(start)), None)
                if rooms is not None and room not in rooms:
                    yield f"{name}:{number}: {room} must not include <{found[1]}>"


def reach(room):
    """The rooms that `room` may include, and those that these may, and so on."""
    return ROOMS[room].union(*(reach(other) for other in ROOMS[room]))


def picture():
    """The arrows as Mermaid draws them: without those that others imply, and without those to base, which are everyone's."""
    lines = ["```mermaid", "flowchart TD"]
    for room, others in ROOMS.items():
        if room == "tests/authority":
            continue
        shown = [other for other in sorted(others - {"ipc/base"}) if not any(other in reach(third) for third in others)]
        name = room.split("/")[1]
        lines += [f"  {name} --> {other.split('/')[1]}" for other in shown] or [f"  {name}"]
    return "\n".join(lines + ["```"])


def main():
    root = Path(sys.argv[1])
    found = list(faults(root))
    if picture() not in (root / "daemon/DESIGN.md").read_text():
        found.append(f"daemon/DESIGN.md: the picture of the arrows is not that of this table, which is:\n{picture()}")
    print("\n".join(found) or "every include keeps to the arrows")
    sys.exit(1 if found else 0)


main()
