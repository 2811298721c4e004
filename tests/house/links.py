#!/usr/bin/env python3
"""What each program links (design: the broker has neither network nor secret libraries). Asks ldd and nm."""
import re
import subprocess
import sys
from pathlib import Path

NETWORK = ["libcurl", "libssl", "libcrypto", "libgnutls", "libnss", "libmbedtls"]
FORBIDDEN = {
    "fobd": [*NETWORK, "libsecret", "libgio", "libglib"],
    "fob": NETWORK,
    "fob-witness": [*NETWORK, "libsecret", "libgio", "libglib"],
}
# A call that the broker could reach the network with; socket() itself it needs, for Unix sockets.
FORBIDDEN_SYMBOLS = {"fobd": ["getaddrinfo", "gethostbyname", "curl_", "SSL_"],
                     "fob-witness": ["getaddrinfo", "gethostbyname", "connect", "bind"]}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    folder = Path(sys.argv[1])
    faults = []
    for program, libraries in FORBIDDEN.items():
        linked = output("ldd", str(folder / program))
        faults += [f"{program} links {name}" for name in libraries if re.search(rf"\b{name}\b|{name}[-.]", linked)]
    for program, symbols in FORBIDDEN_SYMBOLS.items():
        undefined = output("nm", "-D", "--undefined-only", str(folder / program))
        faults += [f"{program} calls {name}" for name in symbols if re.search(rf"\b{name}", undefined)]
    print("\n".join(faults) or "every program links what it may")
    sys.exit(1 if faults else 0)


main()
