#!/usr/bin/env python3
"""What each program links (design: the broker has neither network nor secret libraries). Asks ldd and nm."""
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

NETWORK = ["libcurl", "libssl", "libcrypto", "libgnutls", "libnss", "libmbedtls"]
# Loaded where a keyring is asked, and by nobody else.
KEYRING = ["libsecret", "libgio", "libgobject", "libglib"]
FORBIDDEN = {"fobd": NETWORK + KEYRING, "fob": NETWORK + KEYRING, "fob-exchange": KEYRING, "fob-witness": NETWORK + KEYRING,
             "fob-gateway": KEYRING}
# A call that the broker could reach the network with; socket() itself it needs, for Unix sockets. Whole names, or beginnings.
FORBIDDEN_SYMBOLS = {"fobd": ["getaddrinfo*", "gethostbyname*", "res_*", "dlopen", "curl_*", "SSL_*"],
                     "fob-witness": ["getaddrinfo*", "gethostbyname*", "res_*", "dlopen", "connect", "bind"]}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    folder = Path(sys.argv[1])
    faults = []
    for program, libraries in FORBIDDEN.items():
        linked = output("ldd", str(folder / program))
        faults += [f"{program} links {name}" for name in libraries if re.search(rf"\b{name}\b|{name}[-.]", linked)]
    for program, symbols in FORBIDDEN_SYMBOLS.items():
        lines = output("nm", "-D", "--undefined-only", str(folder / program)).splitlines()
        called = [line.split()[-1].partition("@")[0] for line in lines]
        faults += [f"{program} calls {name}" for name in called if any(fnmatchcase(name, symbol) for symbol in symbols)]
    print("\n".join(faults) or "every program links what it may")
    sys.exit(1 if faults else 0)


main()
