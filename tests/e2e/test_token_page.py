"""The token page as PROTOCOL.md describes it, read by a client that shares no code with fob, and attacked by one."""
import ctypes
import fcntl
import mmap
import os
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fob import PATIENCE, wait_until

F_GET_SEALS, F_ADD_SEALS = 1034, 1033
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW, SEAL_WRITE, SEAL_FUTURE_WRITE = 1, 2, 4, 8, 16
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
SYS_FUTEX, FUTEX_WAIT = 202, 0
MADV_REMOVE = 9
OWNER_DIED = 0x40000000
EMPTY, VALID, WITHDRAWN = 0, 1, 2
SIZE = 64 + 16384

libc = ctypes.CDLL(None, use_errno=True)


class Page:
    """A page that this process has mapped, with the connection it came by."""

    def __init__(self, path, query=""):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(PATIENCE)
        self.connection.connect(str(path))
        self.connection.sendall(f"GET /v1/token/page{query} HTTP/1.1\r\nHost: fob\r\nConnection: Upgrade\r\n"
                                "Upgrade: fob-page/1\r\n\r\n".encode())
        head, fds, _, _ = socket.recv_fds(self.connection, 4096, 4)
        self.head = head.decode()
        self.fd = fds[0] if fds else None
        self.memory = mmap.mmap(self.fd, SIZE, mmap.MAP_SHARED, mmap.PROT_READ) if fds else None

    def fields(self):
        return dict(zip(("magic", "writer", "changes", "sequence", "published", "deadline", "lifetime", "fingerprint",
                         "state", "length"), struct.unpack("=8sIIQqqq8sII", self.memory[:64])))

    def token(self):
        """As a reader does it: again while it is being written."""
        while True:
            before = self.fields()
            token = self.memory[64:64 + before["length"]]
            if before["sequence"] % 2 == 0 and self.fields()["sequence"] == before["sequence"]:
                return before, token.decode()

    def state(self):
        return self.token()[0]["state"]

    def close(self):
        self.connection.close()
        if self.memory:
            self.memory.close()
            os.close(self.fd)


@pytest.fixture
def page(enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    opened = Page(enrolled.app.path)
    yield opened
    opened.close()


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_it_holds_the_token_that_a_request_gets(sandbox, enrolled, page):
    assert page.head.startswith("HTTP/1.1 101 ") and "\r\nUpgrade: fob-page/1\r\n" in page.head
    told = int(page.head.split("Fob-Boottime: ")[1].split("\r\n")[0])
    assert 0 <= boottime() - told < 10e9
    answer, now = enrolled.app.token()[1], boottime()
    fields, token = page.token()
    assert fields["magic"] == b"fobpage1" and fields["state"] == VALID and fields["changes"] == 1
    assert token == answer["access_token"] and fields["fingerprint"].decode() == answer["fingerprint"]
    assert sandbox.call_api(token) == 200
    left = (fields["deadline"] - now) / 1e9
    assert answer["expires_in"] - 2 < left <= answer["expires_in"] + 0.5
    assert 298e9 < fields["lifetime"] <= 300e9 and 0 <= boottime() - fields["published"] < 60e9
    assert fields["writer"] & ~0xc0000000 == enrolled.daemon.pid and not fields["writer"] & OWNER_DIED


def test_each_new_token_is_there_at_once_and_told_by_a_byte_and_by_the_futex(enrolled, page):
    before = page.fields()["changes"]
    address = address_of(page.memory)
    bound = struct.pack("qq", PATIENCE, 0)
    with ThreadPoolExecutor(1) as pool:
        # From the real mapping, which is read-only.
        woken = pool.submit(libc.syscall, SYS_FUTEX, ctypes.c_void_p(address + 12), FUTEX_WAIT, before, bound, None, 0)
        time.sleep(0.2)
        old = page.token()[1]
        assert enrolled.fob("refresh").returncode == 0
        assert woken.result(PATIENCE) == 0
    assert page.fields()["changes"] == before + 1 and page.token()[1] not in ("", old)
    assert page.token()[1] == enrolled.app.token()[1]["access_token"]
    assert page.connection.recv(1) == b"\n"


def address_of(memory):
    """Where a read-only mapping lies: ctypes only tells of those that can be written."""
    class Buffer(ctypes.Structure):
        _fields_ = [("buf", ctypes.c_void_p), ("obj", ctypes.py_object), ("len", ctypes.c_ssize_t),
                    ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
                    ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
                    ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p)]
    buffer = Buffer()
    assert ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(memory), ctypes.byref(buffer), 0) == 0
    address = buffer.buf
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return address


def test_all_who_have_it_by_the_same_grant_share_one_page(enrolled, page):
    other = Page(enrolled.app.path, "?profile=prod-query")
    try:
        assert os.fstat(other.fd).st_ino == os.fstat(page.fd).st_ino
        maps = Path(f"/proc/{enrolled.daemon.pid}/maps").read_text()
        assert maps.count("memfd:fob-page") == 1
    finally:
        other.close()


def test_nobody_who_reads_it_can_change_it_or_take_it_away(enrolled, page):
    before = page.memory[:]
    for reach in (page.fd, reopened(page.fd)):
        seals = fcntl.fcntl(reach, F_GET_SEALS)
        assert seals & (SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_FUTURE_WRITE) == \
            SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_FUTURE_WRITE
        for attempt in (lambda: os.pwrite(reach, b"hostile", 0), lambda: os.ftruncate(reach, 0),
                        lambda: os.ftruncate(reach, 1 << 20), lambda: os.posix_fallocate(reach, 0, 1 << 20),
                        lambda: mmap.mmap(reach, SIZE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE),
                        lambda: fcntl.fcntl(reach, F_ADD_SEALS, SEAL_WRITE),
                        lambda: os.sendfile(reach, page.fd, 0, 10)):
            with pytest.raises(OSError):
                attempt()
        hole = libc.fallocate(reach, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(4096))
        assert hole == -1
    address = ctypes.c_void_p(address_of(page.memory))
    assert libc.mprotect(address, ctypes.c_size_t(4096), mmap.PROT_READ | mmap.PROT_WRITE) == -1
    assert libc.madvise(address, ctypes.c_size_t(4096), MADV_REMOVE) == -1
    assert page.memory[:] == before


def reopened(fd):
    """The same file, opened anew with the right to write, as whoever holds it may try."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDWR)


def test_locks_and_leases_of_a_reader_hinder_nobody(enrolled, page):
    writable = reopened(page.fd)
    fcntl.lockf(writable, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(page.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.lseek(page.fd, 1000, os.SEEK_SET)
    os.fchmod(page.fd, 0)
    old = page.token()[1]
    assert enrolled.fob("refresh").returncode == 0
    assert page.token()[1] not in ("", old)
    other = Page(enrolled.app.path)
    assert other.token() == page.token()
    other.close()
    os.close(writable)


def test_it_is_wiped_within_a_second_of_the_reload_that_ends_its_grant(sandbox, enrolled):
    enrolled.configure_for(sandbox, extra='[[grant]]\nprofiles = ["prod-query"]\nuser = "root"\n')
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    page = Page(enrolled.app.path)
    assert page.state() == VALID
    # A reload that leaves the grant as it is leaves the page alone, wherever the grant stands now.
    enrolled.configure_for(sandbox, extra='\n\n[[grant]]\nprofiles = ["prod-query"]\nuser = "root"\n')
    assert enrolled.fob("reload").returncode == 0
    time.sleep(0.3)
    assert page.state() == VALID and page.fields()["changes"] == 1
    enrolled.configure_for(sandbox, extra='[[grant]]\nprofiles = ["prod-query"]\nuser = "nobody"\n')
    assert enrolled.fob("reload").returncode == 0
    wait_until(lambda: page.state() == WITHDRAWN, "the page is withdrawn", 1)
    assert page.memory[64:] == bytes(SIZE - 64), "something of the token is left"
    assert page.connection.recv(10) in (b"\n", b"") and page.connection.recv(10) == b""
    assert Page(enrolled.app.path).head.startswith("HTTP/1.1 403 ")
    page.close()


def test_it_is_wiped_when_its_profile_is_taken_out(sandbox, enrolled, page):
    enrolled.configure('[profile.other]\nauthority = "oauth2"\nendpoint = "https://localhost:1/token"\n')
    assert enrolled.fob("reload").returncode == 0
    wait_until(lambda: page.state() == WITHDRAWN, "the page is withdrawn", 1)


def test_it_goes_on_when_its_profile_is_configured_anew(sandbox, enrolled, page):
    old = page.token()[1]
    enrolled.configure_for(sandbox, scopes='["query", "write"]')
    assert enrolled.fob("reload").returncode == 0
    wait_until(lambda: page.state() == VALID and page.token()[1] not in ("", old), "the new profile's token", 10)


def test_it_says_so_when_the_last_token_has_died_and_no_other_came(sandbox, enrolled):
    sandbox.settings(lifetime_s=3)
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    page = Page(enrolled.app.path)
    sandbox.fault("status", status=500)
    fields = page.fields()
    wait_until(lambda: page.state() == EMPTY, "the token dies", 10)
    assert boottime() >= fields["deadline"] and page.token()[1] == ""
    sandbox.mend()
    wait_until(lambda: page.state() == VALID, "there is a token again", 90)
    page.close()


def test_the_kernel_marks_it_when_fobd_dies_of_whatever(enrolled, page):
    fields, token = page.token()
    enrolled.daemon.kill()
    enrolled.daemon.wait()
    assert page.fields()["writer"] & OWNER_DIED
    assert page.token()[1] == token, "it is as good as ever, until its deadline"


def test_it_is_left_as_it_is_when_fobd_ends(enrolled, page):
    token = page.token()[1]
    enrolled.stop()
    assert page.fields()["writer"] & OWNER_DIED and page.token()[1] == token


def test_a_reader_that_takes_no_byte_costs_nobody_anything(enrolled, page):
    for _ in range(20):
        assert enrolled.fob("refresh").returncode == 0
    assert page.fields()["changes"] == 21
    told = b""
    while len(told) < 20:
        told += page.connection.recv(100)
    assert told == b"\n" * 20


def test_without_the_offer_to_upgrade_there_is_none(enrolled):
    enrolled.start()
    status, _, text = enrolled.app.request("GET", "/v1/token/page")
    assert status == 400 and "Upgrade: fob-page/1" in text
    for headers in ({"Connection": "Upgrade", "Upgrade": "websocket"}, {"Upgrade": "fob-page/1"}):
        assert enrolled.app.request("GET", "/v1/token/page", headers=headers)[0] == 400
    assert enrolled.app.request("POST", "/v1/token/page", {})[0] == 405
    assert enrolled.app.request("GET", "/v1/token/page?min_ttl=3",
                                headers={"Connection": "Upgrade", "Upgrade": "fob-page/1"})[0] == 400


def test_there_is_one_before_there_is_a_token(sandbox, enrolled):
    sandbox.fault("status", status=500)
    enrolled.start()
    page = Page(enrolled.app.path)
    assert page.state() == EMPTY and page.token()[1] == ""
    sandbox.mend()
    wait_until(lambda: page.state() == VALID, "the first token", 90)
    page.close()


def test_the_next_reader_gets_the_same_page_up_to_date(enrolled, page):
    inode, old = os.fstat(page.fd).st_ino, page.token()[1]
    page.connection.close()
    time.sleep(0.2)
    assert enrolled.fob("refresh").returncode == 0
    for _ in range(5):
        other = Page(enrolled.app.path)
        assert os.fstat(other.fd).st_ino == inode, "whoever holds on to old ones could pile them up"
        assert other.token()[1] == enrolled.app.token()[1]["access_token"] != old
        other.close()
        time.sleep(0.05)


def test_a_descriptor_that_is_not_fetched_keeps_its_connection_and_counts(enrolled):
    enrolled.start()
    assert enrolled.app.token()[0] == 200
    before = len(os.listdir(f"/proc/{enrolled.daemon.pid}/fd"))
    lazy = []
    for _ in range(10):
        lazy.append(socket.socket(socket.AF_UNIX))
        lazy[-1].connect(str(enrolled.app.path))
        lazy[-1].sendall(b"GET /v1/token/page HTTP/1.1\r\nHost: fob\r\nConnection: Upgrade\r\nUpgrade: fob-page/1\r\n\r\n")
        lazy[-1].sendall(b"x")  # as whoever wants it to be over
        lazy[-1].shutdown(socket.SHUT_WR)

    def held():
        return len(os.listdir(f"/proc/{enrolled.daemon.pid}/fd")) - before

    wait_until(lambda: held() >= 10, "each has its connection")
    time.sleep(0.5)
    assert held() >= 10, "what is on its way is charged to fobd, so who does not fetch it must be counted"
    for connection in lazy:
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
    wait_until(lambda: held() < 5, "they are let go", 10)
    for connection in lazy:
        connection.close()
