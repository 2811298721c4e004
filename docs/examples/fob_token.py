#!/usr/bin/env python3
"""Prints an access token from fob, with the standard library alone. Usage: fob_token.py [PROFILE]

Not called token.py: that would shadow Python's own module of this name.
"""
import http.client
import json
import os
import socket
import sys
from urllib.parse import urlencode


class FobConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.environ.get("FOB_SOCKET", "/run/fob/fob.sock"))


def fob_token(profile=None):
    connection = FobConnection("fob", timeout=15)
    connection.request("GET", "/v1/token" + ("?" + urlencode({"profile": profile}) if profile else ""))
    response = connection.getresponse()
    answer = json.load(response)
    if response.status != 200:
        raise RuntimeError(answer["detail"])
    return answer["access_token"]


if __name__ == "__main__":
    try:
        print(fob_token(*sys.argv[1:2]))
    except (OSError, RuntimeError) as error:
        sys.exit(f"fob: {error}")
