"""The access token of this device's fob daemon, for apps in Python 3.9 or newer. ctypes over libfob.so.0; one file.

    import libfob

    with libfob.TokenSource("prod-query") as source:
        token = source.get()
        request.add_header("Authorization", "Bearer " + token.text)
        ...
        if response.status == 401:
            source.report_rejected(token)       # another one is in force now, or NoToken

Ask for each use, do not keep the token: mostly that reads shared memory. One that has expired is never returned.
Wherever a token is printed it shows its fingerprint, and itself by `text` alone.

Threads may share a source; other threads run on during a call. close() is safe at any time: a call under way ends as it
would, and what it uses is freed after it. A forked child may go on with its parent's source.

Each failure is a FobError of its kind, with libfob's words for a person. The kind is always that of the call; the words
are the source's latest, so where two threads fail at once, one may tell the other's.

Ctrl-C is heard when a call ends: get() waits as long as it is told and a little more, wait() looks up once a second.
"""
from __future__ import annotations

import ctypes
import enum
import functools
import math
import os
import time

__all__ = ["TokenSource", "Token", "Status", "FobError", "UsageError", "NotRunning", "NotGranted", "NoToken",
           "CredentialRejected", "WrongConfiguration", "StoreUnreadable", "version"]

# The name by which the dynamic linker knows it; a number that changes with the ABI.
SONAME = "libfob.so.0"


class Status(enum.IntEnum):
    """What libfob's functions return (fob.h)."""
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    NOT_GRANTED = 4
    NO_TOKEN = 5
    CREDENTIAL_REJECTED = 6
    CONFIG = 7
    STORE = 8
    TIMED_OUT = 100
    TOO_SMALL = 101


class FobError(Exception):
    """Why there is no token. `status` is a Status, or a number that is newer than this file."""

    def __init__(self, words, status=Status.FAILED):
        super().__init__(words)
        self.status = status

    def __reduce__(self):
        return type(self), (*self.args, self.status)


class UsageError(FobError, ValueError):
    """An argument that cannot be."""


class NotRunning(FobError):
    """No daemon answers."""


class NotGranted(FobError):
    """This process may not have that profile: `fob explain --pid N` says why."""


class NoToken(FobError):
    """There is no valid token now; asking again later helps."""


class CredentialRejected(FobError):
    """The authority refuses the device's credential; an operator must act."""


class WrongConfiguration(FobError):
    """The daemon knows no such profile."""


class StoreUnreadable(FobError):
    """Not raised with this version: that the store does not open comes as NoToken."""


_ERRORS = {Status.USAGE: UsageError, Status.NOT_RUNNING: NotRunning, Status.NOT_GRANTED: NotGranted,
           Status.NO_TOKEN: NoToken, Status.CREDENTIAL_REJECTED: CredentialRejected, Status.CONFIG: WrongConfiguration,
           Status.STORE: StoreUnreadable}

_LOOKS_UP_S = 1
# Longer than any device lives; what is more is a mistake, and would not fit.
_LONGEST_MS = 2 ** 52


@functools.lru_cache(maxsize=None)
def _load(library):
    """libfob, with the types of fob.h."""
    loaded = ctypes.CDLL(library)
    source, token, status = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int
    text, size, ms, number = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_uint64
    to = ctypes.POINTER
    for name, result, *arguments in (
            ("fob_open", status, text, text, to(source)),
            ("fob_close", None, source),
            ("fob_get_token", status, source, ms, ms, to(token)),
            ("fob_token_text", text, token),
            ("fob_token_fingerprint", text, token),
            ("fob_token_expires_in_ms", ms, token),
            ("fob_token_free", None, token),
            ("fob_report_rejected", status, source, text, size),
            ("fob_change", number, source),
            ("fob_wait", status, source, number, ms, to(number)),
            ("fob_descriptor", ctypes.c_int, source),
            ("fob_acknowledge", status, source, to(number)),
            ("fob_last_error", size, source, text, size),
            ("fob_status_text", text, status),
            ("fob_version", text)):
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


class _Handle:
    """Frees what libfob made when nobody holds it any more. A call under way holds it, in whatever thread it is."""
    __slots__ = ("_as_parameter_", "_free")

    def __init__(self, pointer, free):
        self._as_parameter_, self._free = pointer, free

    def __del__(self):
        self._free(self._as_parameter_)


def _milliseconds(seconds, what):
    """Rounded up. Never negative, which would mean something else to libfob."""
    if not 0 <= seconds * 1000 <= _LONGEST_MS:
        raise ValueError(f"{what} is in seconds, from 0 on")
    return math.ceil(seconds * 1000)


def _bytes(text, what):
    """For a C string, which a zero would cut short."""
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError(f"{what} must not hold a zero byte")
    return encoded


class Token:
    """One token, as it was when it was asked for. Wiped when it is gone, but not the strings that `text` made of it."""
    __slots__ = ("_loaded", "_handle")

    def __init__(self, loaded, pointer):
        self._loaded = loaded
        self._handle = _Handle(pointer, loaded.fob_token_free)

    @property
    def text(self) -> str:
        """What goes behind "Bearer ". A secret: not for logs."""
        return self._loaded.fob_token_text(self._handle).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """Its only form for logs: the first 8 hex digits of its SHA-256."""
        return self._loaded.fob_token_fingerprint(self._handle).decode("ascii")

    @property
    def expires_in(self) -> float:
        """How long it lives from now, in seconds, suspend included; 0 once that is over."""
        return self._loaded.fob_token_expires_in_ms(self._handle) / 1000

    def __repr__(self):
        return f"<libfob.Token {self.fingerprint}>"

    def __reduce__(self):
        raise TypeError("a token is not to be stored: ask for each use")


class TokenSource:
    """Where tokens of one profile come from. It need not reach a daemon to be made.

    profile: None for $FOB_PROFILE, else the daemon's default one. socket: the path of the daemon's app socket; None for
    the usual ones (fob.h). library: a path, where libfob.so.0 is not installed.
    """

    def __init__(self, profile: str | None = None, socket: str | os.PathLike | None = None, *,
                 library: str | os.PathLike = SONAME):
        self._handle = None
        self._loaded = _load(os.fspath(library))
        pointer = ctypes.c_void_p()
        status = self._loaded.fob_open(None if profile is None else _bytes(profile, "a profile's name"),
                                       None if socket is None else _bytes(socket, "a socket's path"),
                                       ctypes.byref(pointer))
        if status != Status.OK:
            raise self._error(status, self._loaded.fob_status_text(status))
        self._handle = _Handle(pointer.value, self._loaded.fob_close)

    def get(self, min_ttl: float | None = None, wait: float = 5.0) -> Token:
        """A token that is alive.

        min_ttl: how long it must live at least, in seconds; where less is left a new one is fetched first, and if that
        is not to be had, the one that still lives is returned all the same. None: as the daemon sees fit.
        wait: how long to wait while there is no token or no daemon yet, 0 to 60 seconds.
        """
        handle = self._open()
        pointer = ctypes.c_void_p()
        self._check(handle, self._loaded.fob_get_token(
            handle, -1 if min_ttl is None else _milliseconds(min_ttl, "min_ttl"), _milliseconds(wait, "wait"),
            ctypes.byref(pointer)))
        return Token(self._loaded, pointer.value)

    def report_rejected(self, token: Token | str) -> None:
        """An API answered 401 to this token. Once this returns, get() has another one.

        NoToken: there is none in its place yet, or it has just replaced one that was reported, and the API refuses it
        for another reason. Blocks for 10 s mostly, 50 s at most.
        """
        handle = self._open()
        text = (token.text if isinstance(token, Token) else token).encode()
        self._check(handle, self._loaded.fob_report_rejected(handle, text, len(text)))

    def change(self) -> int:
        """A number that changes whenever what get() would return may have changed. Never 0."""
        return self._loaded.fob_change(self._open())

    def wait(self, since: int, timeout: float | None = None) -> int:
        """Waits until change() is not `since` any more, and returns it; `since` after `timeout` seconds (None: never).

        Looks up once a second, for Ctrl-C and close(). fileno() costs nothing while nothing happens.
        """
        end = math.inf if timeout is None else time.monotonic() + _milliseconds(timeout, "timeout") / 1000
        seen = ctypes.c_uint64()
        while True:
            handle = self._open()
            left = _milliseconds(min(_LOOKS_UP_S, max(0, end - time.monotonic())), "timeout")
            status = self._loaded.fob_wait(handle, since, left, ctypes.byref(seen))
            if status != Status.TIMED_OUT:
                self._check(handle, status)
                return seen.value
            if time.monotonic() >= end:
                return since

    def fileno(self) -> int:
        """For selectors and asyncio: readable once change() may have changed, until acknowledge(). Neither read nor
        close it."""
        handle = self._open()
        descriptor = self._loaded.fob_descriptor(handle)
        if descriptor < 0:
            raise OSError(self._words(handle))
        return descriptor

    def acknowledge(self) -> int:
        """To be called when fileno() is readable, which is then quiet until the next change. Returns change(), and never
        blocks."""
        handle = self._open()
        seen = ctypes.c_uint64()
        self._check(handle, self._loaded.fob_acknowledge(handle, ctypes.byref(seen)))
        return seen.value

    def close(self) -> None:
        """A call after this is a ValueError; one under way in another thread ends as it would. Tokens stay as they are."""
        self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _open(self):
        """The handle, to be held during a call: it is freed with the last who holds it."""
        handle = self._handle
        if handle is None:
            raise ValueError("this token source is closed")
        return handle

    def _check(self, handle, status):
        if status != Status.OK:
            raise self._error(status, self._words(handle) or self._loaded.fob_status_text(status))

    def _words(self, handle):
        """What went wrong last."""
        capacity = 512
        while True:
            words = ctypes.create_string_buffer(capacity)
            length = self._loaded.fob_last_error(handle, words, capacity)
            if length < capacity:
                return words.value
            capacity = length + 1

    @staticmethod
    def _error(status, words):
        if status in list(Status):
            status = Status(status)
        return _ERRORS.get(status, FobError)(words.decode("utf-8", "replace"), status)


def version(library: str | os.PathLike = SONAME) -> str:
    """Of libfob, as "MAJOR.MINOR.PATCH"."""
    return _load(os.fspath(library)).fob_version().decode()
