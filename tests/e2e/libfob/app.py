"""app.c in Python, by libfob.py alone. FOB_LIBRARY names the library under test."""
import os
import select
import sys

import libfob


def get(source, last, min_ttl_ms, wait_ms):
    token = source.get(None if min_ttl_ms == "-1" else int(min_ttl_ms) / 1000, int(wait_ms) / 1000)
    last[:] = [token]
    shown = f"{token}|{token!r}|{[token]}"
    return f"{token.text} {token.fingerprint} {token.expires_in * 1000:.0f} {shown}"


def wait(source, _, since, timeout_ms):
    return source.wait(int(since), None if timeout_ms == "-1" else int(timeout_ms) / 1000)


def poll(source, _, timeout_ms):
    return "readable" if select.select([source], [], [], int(timeout_ms) / 1000)[0] else "quiet"


COMMANDS = {"get": get, "wait": wait, "poll": poll,
            "reject": lambda source, last: source.report_rejected(last[0]),
            "change": lambda source, _: source.change(),
            "acknowledge": lambda source, _: source.acknowledge(),
            "close": lambda source, _: source.close(),
            "token": lambda _, last: last[0].text}


def answer(command, *arguments):
    try:
        result = COMMANDS[command](*arguments)
        return "ok" if result is None else f"ok {result}"
    except libfob.FobError as error:
        assert type(error) is not libfob.FobError, "each kind has a class of its own"
        return f"{error.status:d} {error}"


def main():
    profile, socket = ([*sys.argv[1:], "", ""])[:2]
    try:
        source = libfob.TokenSource(profile or None, socket or None, library=os.environ["FOB_LIBRARY"])
    except libfob.FobError as error:
        print(f"{error.status:d} {error}")
        sys.exit(1)
    last = []
    for line in sys.stdin:
        command, *arguments = line.split()
        print(answer(command, source, last, *arguments), flush=True)


main()
