"""Stands in for systemd where there is none: holds fobd's two listening sockets while it is restarted and, in a descriptor store, what it
leaves for its successor (sd_listen_fds(3), sd_notify(3)).
"""
import fcntl
import os
import socket
import subprocess
import threading
import time

from fob import BIN, PATIENCE, Installation, wait_until

# Above what any program here has open, so that no descriptor is put where another one stands.
HIGH = 400
WATCHDOG_S = 30


def listening(path, mode):
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    path.chmod(mode)
    made.listen(4096)
    return made


class Holder:
    """The sockets, the store and what was last heard of one fobd after the other."""

    def __init__(self, runtime):
        runtime.mkdir(mode=0o755)
        self.sockets = [("app", listening(runtime / "fob.sock", 0o666)), ("control", listening(runtime / "control.sock", 0o600))]
        self.kept = []
        self.ready = threading.Event()
        self.fed = time.monotonic()
        self.settled = threading.Event()
        self.address = runtime / "notify"
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(str(self.address))
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                text, fds, _, _ = socket.recv_fds(self.ear, 4096, 4)
            except OSError:
                return
            self.take_in(dict(line.split("=", 1) for line in text.decode().split("\n") if "=" in line), fds)

    def take_in(self, told, fds):
        if "FDSTORE" in told:
            self.kept += [(told["FDNAME"], fd) for fd in fds]
        if "FDSTOREREMOVE" in told:
            self.forget(told["FDNAME"])
        if "READY" in told:
            self.ready.set()
        if "WATCHDOG" in told or "READY" in told:
            self.fed = time.monotonic()
        if "SETTLED" in told:
            self.settled.set()

    def forget(self, name=None):
        """What is kept under this name; without one, all of it."""
        for held, fd in self.kept:
            if name in (held, None):
                os.close(fd)
        self.kept = [(held, fd) for held, fd in self.kept if name not in (held, None)]

    def settle(self):
        """Returns once all that was said so far has been taken in."""
        self.settled.clear()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(b"SETTLED=1", str(self.address))
        assert self.settled.wait(PATIENCE)

    def start(self, command, log):
        """Starts `command` with the sockets and what is kept, as systemd would."""
        self.settle()
        self.ready.clear()
        handed = [(name, one.fileno()) for name, one in self.sockets] + self.kept
        copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH) for _, fd in handed]
        moves = " ".join(f"{3 + place}<&{copy} {copy}<&-" for place, copy in enumerate(copies))
        environment = {"PATH": os.environ["PATH"], "LISTEN_FDS": str(len(handed)), "NOTIFY_SOCKET": str(self.address),
                       "LISTEN_FDNAMES": ":".join(name for name, _ in handed), "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000)}
        with open(log, "ab") as to:
            process = subprocess.Popen(["bash", "-c", f'LISTEN_PID=$$ exec "$@" {moves}', "bash", *command], env=environment, pass_fds=copies,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=to)
        for copy in copies:
            os.close(copy)
        return process

    def silent_for(self):
        """Seconds since fobd said that it lives."""
        return time.monotonic() - self.fed

    def close(self):
        self.ear.shutdown(socket.SHUT_RDWR)
        self.ear.close()
        for _, one in self.sockets:
            one.close()
        self.forget()


class HeldInstallation(Installation):
    """An installation whose sockets and tokens outlive its daemon."""

    def __init__(self, directory):
        super().__init__(directory)
        self.holder = Holder(self.runtime)

    def start(self):
        self.daemon = self.holder.start([str(BIN / "fobd"), *self.flags()], self.log)
        wait_until(lambda: self.holder.ready.is_set() or self.daemon.poll() is not None, "fobd starts")
        assert self.daemon.poll() is None, self.log.read_text()[-2000:]
