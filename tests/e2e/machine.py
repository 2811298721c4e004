"""A machine with a systemd of its own: Debian's, booted by systemd-nspawn. It takes root, debootstrap and nspawn.

Its root is made once and kept ($FOB_TEST_CACHE, else ~/.cache/fob-tests). A machine reads that root and writes to its
own memory, so machines share it and leave it as it was. Nothing is left behind: a machine ends with its object, or with
the process of the tests.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

from fob import BIN, PATIENCE, wait_until

SUITE = "bookworm"
# An init, what fob's programs link or load, what systemd loads to reach a TPM, what a user's session is made of, and what
# the documents' commands take.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "libcurl4", "libsecret-1-0", "libsodium23",
            "ca-certificates", "libtss2-esys-3.0.2-0", "libtss2-mu0", "libtss2-rc0", "libtss2-tcti-swtpm0",
            "dbus-user-session", "gnome-keyring", "libpam-systemd", "curl", "jq", "sudo"]
# Where the built programs are in there.
PROGRAMS = "/opt/fob"
# nspawn forbids these to a machine; a real one has them, and fob's units use some.
SYSTEM_CALLS = ("@keyring bpf perf_event_open memfd_secret landlock_create_ruleset landlock_add_rule "
                "landlock_restrict_self")
TPM_PORT = 2321
# It runs when the processor is idle, which may be never while other tests are busy, and the boot waits for it.
BOOT_PARAMETERS = ["systemd.mask=e2scrub_reap.service"]
# nspawn looks at the host's cgroups, which a chroot may not have mounted: then in a mount namespace of its own.
# All machines share the control groups below the one they are started in: two that had a fob.service at a time removed
# it from each other. So each is started in one of its own, where there may be such.
WITH_CGROUPS = ["unshare", "--mount", "sh", "-c", """
    mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
    groups=/sys/fs/cgroup
    [ -e $groups/cgroup.procs ] || groups=$groups/unified
    own=$groups/$0
    if [ "$1" = end ]; then
      find $own -depth -type d -exec rmdir {} + 2>/dev/null
      exit 0
    fi
    mkdir $own 2>/dev/null && echo $$ 2>/dev/null >$own/cgroup.procs
    exec "$@"
"""]


def reason_to_skip(*programs):
    """Why no machine can be booted here, or None. `programs`: what else a test needs."""
    if os.geteuid() != 0:
        return "no machine can be booted here: that takes root"
    missing = [p for p in ("debootstrap", "systemd-nspawn", "nsenter", "setpriv", *programs) if shutil.which(p) is None]
    if missing:
        return f"no machine can be booted here: there is no {', '.join(missing)}"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        return "no machine can be booted here: that takes CAP_SYS_ADMIN"
    return None


def make_root():
    """The machines' root, made if this is the first time; a minute or three."""
    cache = Path(os.environ.get("FOB_TEST_CACHE") or Path.home() / ".cache" / "fob-tests")
    cache.mkdir(parents=True, exist_ok=True)
    edition = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:8]
    root = cache / f"{SUITE}-root-{edition}"
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            unfinished = cache / f"{root.name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            done = subprocess.run(["debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), SUITE, unfinished],
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 0, "debootstrap failed:\n" + done.stdout[-2000:] + done.stderr[-2000:]
            unfinished.rename(root)
    return root

# Speaks to an authority's administration, from the network it is started in.
ADMIN = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30)
connection.request(sys.argv[2], sys.argv[3], sys.stdin.read() or None, {"Fob-Sandbox-Admin": "1"})
answer = connection.getresponse()
sys.stdout.write(answer.read().decode())
sys.exit(answer.status >= 300)
"""


class Disk:
    """What a machine writes, kept from one boot to the next. In memory, for not every file system can lie over another."""

    def __init__(self, directory):
        self.place = Path(directory) / "disk"
        self.place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "fob-test", self.place], check=True)
        for name in ("upper", "work", "root"):
            (self.place / name).mkdir()
        self.root = self.place / "root"
        layers = f"lowerdir={make_root()},upperdir={self.place / 'upper'},workdir={self.place / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", self.root], check=True)

    def close(self):
        for place in (self.root, self.place):
            subprocess.run(["umount", "--lazy", place], check=False)


class Machine:
    """Booted, with the built programs in PROGRAMS; `tpm`: a directory for the state of a TPM, made if it is missing;
    `disk`: what it boots from, else it forgets everything with its end; `share`: a directory it sees as /opt/share."""

    def __init__(self, directory, tpm=None, disk=None, share=None):
        self.directory = Path(directory)
        self.tpm_state = tpm
        self.tpm = None
        # For PID 1, who unseals for the units.
        settings = [f"--setenv=SYSTEMD_TPM2_DEVICE={self.tpm_device()}"] if tpm is not None else []
        storage = [f"--directory={disk.root}"] if disk else [f"--directory={make_root()}", "--volatile=overlay"]
        if share:
            storage.append(f"--bind-ro={share}:/opt/share")
        self.name = f"fob-{uuid.uuid4().hex[:12]}"
        self.console = open(self.directory / "console", "ab")
        self.nspawn = subprocess.Popen(
            [*WITH_CGROUPS, self.name, "setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", f"--machine={self.name}",
             *storage, f"--bind-ro={BIN}:{PROGRAMS}", "--boot", "--register=no",
             "--keep-unit", "--private-network", "--console=pipe", "--capability=all",
             f"--system-call-filter={SYSTEM_CALLS}", *settings, *BOOT_PARAMETERS],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=self.console,
            env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        try:
            wait_until(self.is_up, "the machine boots")
        except BaseException:
            self.close()
            raise

    def init(self):
        """The pid of its systemd, as seen from here; None while there is none."""
        try:
            children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
            return children[0] if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n" else None
        except FileNotFoundError:
            return None

    def is_up(self):
        assert self.nspawn.poll() is None, (self.directory / "console").read_text(errors="replace")
        return self.init() and self.enter("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def enter(self, *command, stdin=""):
        """Runs a command in there, but in no unit; for looking and placing only. The finished process."""
        return subprocess.run(["nsenter", "--target", self.init(), "--all", "--root", "--wd", *map(str, command)], input=stdin,
                              capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C"})

    def run(self, *command, stdin="", properties=(), environment=()):
        """Runs a command as a service, with these properties of its unit. The finished process."""
        return self.enter("systemd-run", "--wait", "--pipe", "--quiet", "--collect",
                          *[f"--property={p}" for p in properties], *[f"--setenv={e}" for e in environment],
                          "--", *command, stdin=stdin)

    def ask_authority(self, port, method, path, body=""):
        """Asks the administration of an authority on the machine's loopback. The finished process."""
        return subprocess.run(["nsenter", "--target", self.init(), "--net", sys.executable, "-c", ADMIN, str(port), method,
                               "/sandbox" + path], input=body, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def write(self, path, content, mode="0644"):
        """Puts a file there; the directories above it must exist."""
        done = self.enter("install", "--mode", mode, "/dev/stdin", path, stdin=content)
        assert done.returncode == 0, done.stderr

    @staticmethod
    def tpm_device():
        """The TPM as systemd names it."""
        return f"swtpm:host=127.0.0.1,port={TPM_PORT}"

    def start_tpm(self):
        """Switches the TPM on. Within the machine's network, since nothing of ours listens on the machine's loopback."""
        self.tpm_state.mkdir(exist_ok=True)
        if not any(self.tpm_state.iterdir()):
            subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", self.tpm_state, "--pcr-banks", "sha256"], check=True,
                           capture_output=True)
        self.tpm = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "nsenter", "--target", self.init(), "--net", "swtpm", "socket", "--tpm2",
             "--tpmstate", f"dir={self.tpm_state}", "--server", f"type=tcp,port={TPM_PORT},disconnect",
             "--ctrl", f"type=tcp,port={TPM_PORT + 1}", "--flags", "not-need-init,startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ports = [f":{port:04X} " for port in (TPM_PORT, TPM_PORT + 1)]
        listening = f"/proc/{self.init()}/net/tcp"
        wait_until(lambda: all(port in Path(listening).read_text() for port in ports), "the TPM starts")

    def stop_tpm(self):
        if self.tpm is not None:
            self.tpm.kill()
            self.tpm.wait()
            self.tpm = None

    def close(self):
        """Switches it off, in order if it listens."""
        self.stop_tpm()
        self.nspawn.terminate()
        try:
            self.nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()  # which takes the machine's init with it
            self.nspawn.wait()
        subprocess.run([*WITH_CGROUPS, self.name, "end"], check=False)
        self.console.close()
