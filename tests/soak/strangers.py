#!/usr/bin/env python3
"""Users who are granted nothing, and ask: until fobd's audit is full, which holds the last 1024 records. What grows then grows for another
reason.

    strangers.py SOCKET

It takes root, to be each of these users in turn.
"""
import ctypes
import os
import socket
import sys

FIRST_USER = 20_000
USERS = 34
# Of one user fobd tells so many kinds of requests apart, each of which makes a record (daemon/core/audit_log.hpp).
KINDS = 32
REQUEST = "GET /v1/token?profile=unknown-{} HTTP/1.1\r\nHost: fob\r\n\r\n"


def become(user):
    """Of another user for fobd, and still able to reach its socket, which lies in a directory of root's (setfsuid(2), capabilities(7))."""
    os.seteuid(0)
    os.seteuid(user)
    ctypes.CDLL(None).setfsuid(0)


def ask_for_all(path):
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        for number in range(KINDS):
            asking.sendall(REQUEST.format(number).encode())
            answer = asking.recv(65536)
            assert answer.startswith(b"HTTP/1.1 403 "), answer[:200]


def main():
    for user in range(FIRST_USER, FIRST_USER + USERS):
        become(user)
        ask_for_all(sys.argv[1])


if __name__ == "__main__":
    main()
