"""Networks that a test may break: namespaces of the kernel's, with a link between them. It takes root and iproute2.

Nothing of the machine's own network is touched, and nothing is left behind: a namespace lasts as long as the process
that holds it, which ends with the test at the latest, since it lives on the test's pipe.
"""
import asyncio
import contextlib
import ctypes
import os
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

CLONE_NEWNET = 0x40000000
# Not every root's PATH has it.
IP = shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def reason_to_skip():
    """Why no network can be made here, or None."""
    if IP is None:
        return "there is no ip: install iproute2"
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return "no network namespace can be made here: that takes root (CAP_SYS_ADMIN)"
    return None


class Network:
    """A network namespace, and a mount namespace in which files of /etc can be others."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdin.write(b"there?\n")
        self.holder.stdin.flush()
        assert self.holder.stdout.readline() == b"there?\n", "the namespaces are made once cat runs in them"
        self.ip("link set lo up")

    def inside(self, *command):
        """The command line that runs a program in here; the program is then the process that was started."""
        # With --root, since a mount namespace is entered at its own root, which is not ours in a chroot.
        return ["nsenter", "--target", str(self.holder.pid), "--net", "--mount", "--root", *map(str, command)]

    def run(self, *command):
        done = subprocess.run(self.inside(*command), capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def ip(self, line):
        return self.run(IP, *line.split())

    def replace_file(self, path, by):
        self.run("mount", "--bind", by, os.path.realpath(path))

    def listen(self):
        """A listening socket in here, on every address, for the test's own process to serve."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(descriptor):
            if libc.setns(descriptor, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

        # This thread alone goes there and back; a socket stays where it was made.
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/proc/{self.holder.pid}/ns/net", "rb") as there:
            enter(there.fileno())
            try:
                if socket.has_dualstack_ipv6():
                    return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
                return socket.create_server(("", 0))
            finally:
                enter(home.fileno())

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


def make_certificate(directory, addresses, names):
    """A certificate for all of them that is its own CA: (certificate, key)."""
    certificate, key = Path(directory) / "far.pem", Path(directory) / "far-key.pem"
    alternatives = ",".join([f"IP:{address}" for address in addresses] + [f"DNS:{name}" for name in names])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=far", "-addext", f"subjectAltName={alternatives}",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    certificate.chmod(0o644)
    return certificate, key


class TlsRelay:
    """Takes TLS connections on a listening socket and passes what is in them to a port of loopback, in clear.

    The sandbox binds to loopback alone, and its certificate is for loopback; this is what stands for it elsewhere.
    """

    def __init__(self, listener, certificate, key, port):
        self.port = port
        self.own_port = listener.getsockname()[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: None)  # connections break, that is what this is for
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        started = asyncio.start_server(self.serve, sock=listener, ssl=context)
        self.server = asyncio.run_coroutine_threadsafe(started, self.loop).result()

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.port)
            ways = [asyncio.ensure_future(self.pass_on(reader, onward_writer)),
                    asyncio.ensure_future(self.pass_on(onward_reader, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            onward_writer.close()
        writer.close()

    @staticmethod
    async def pass_on(reader, writer):
        with contextlib.suppress(OSError):
            while some := await reader.read(65536):
                writer.write(some)
                await writer.drain()

    def close(self):
        async def end():
            self.server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
