"""Apps on libfob in four languages (libfob/app.c says what they answer), compiled against what was built."""
import os
import subprocess
import sys
from pathlib import Path

from fob import BIN, PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "ipc/client"
APPS = Path(__file__).parent / "libfob"
LIBRARIES = BIN.parent / "lib"
LIBRARY = LIBRARIES / "libfob.so.0"
BINDING = CLIENT / "csharp/LibFob.cs"
C = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-D_POSIX_C_SOURCE=200809L"]
CXX = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wold-style-cast", "-Werror"]
LINK = [f"-I{CLIENT}", f"-L{LIBRARIES}", "-lfob"]

OK, USAGE, NOT_RUNNING, NOT_GRANTED, NO_TOKEN, REJECTED, CONFIG = 0, 2, 3, 4, 5, 6, 7


def must(*command, **how):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **how)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def compile_c(source, to, compiler="gcc", flags=("-std=c99",)):
    must(compiler, *flags, *C, source, *LINK, "-o", to)
    return [to]


def compile_cpp(source, to, compiler="g++", flags=("-std=c++17",)):
    must(compiler, *flags, *CXX, source, *LINK, "-o", to)
    return [to]


def compile_csharp(source, to, *flags):
    """By Mono, as the editor of Unity does. There is no `dotnet` in Debian 12."""
    must("mcs", "-langversion:7.2", "-warn:4", "-warnaserror", *flags, f"-out:{to}.exe", source, BINDING)
    return ["mono", f"{to}.exe"]


def interpret_python(source, _):
    return [sys.executable, "-B", source]


COMPILE = {"c": compile_c, "cpp": compile_cpp, "python": interpret_python, "csharp": compile_csharp}
SOURCES = {"c": "app.c", "cpp": "app.cpp", "python": "app.py", "csharp": "App.cs"}


def environment(**more):
    """What an app sees that was started with nothing but the library under test."""
    return {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(LIBRARIES), "PYTHONPATH": str(CLIENT / "python"),
            "FOB_LIBRARY": str(LIBRARY), "LC_ALL": "C.UTF-8", **{name: str(value) for name, value in more.items()}}


class LibfobApp:
    """One that runs. A call waits for its answer; begin() and answer() are its two halves."""

    def __init__(self, command, *arguments, **variables):
        self.process = subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment(**variables))
        self.shown = None

    def begin(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def answer(self):
        """(status, the rest)"""
        line = self.process.stdout.readline()
        assert line, f"the app ended: {self.process.wait(PATIENCE)}"
        status, _, rest = line.rstrip("\n").partition(" ")
        return (OK if status == "ok" else int(status)), rest

    def ask(self, *words):
        self.begin(*words)
        return self.answer()

    def must(self, *words):
        status, rest = self.ask(*words)
        assert status == OK, (words, status, rest)
        return rest

    def get(self, min_ttl_ms=-1, wait_ms=5000):
        """(text, fingerprint, how long it lives in ms) of a token that must be there."""
        text, fingerprint, expires_in_ms, self.shown = self.must("get", min_ttl_ms, wait_ms).split(" ", 3)
        return text, fingerprint, int(expires_in_ms)

    def change(self):
        return int(self.must("change"))

    def wait(self, since, timeout_ms):
        return int(self.must("wait", since, timeout_ms))

    def stop(self):
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status
