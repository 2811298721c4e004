"""The promise: the secret is nowhere but in the exchanger, and tokens are in no file and no log."""
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fob import BIN

pytestmark = pytest.mark.native


def memory_of(pid):
    """Every readable byte of a process, as root may read them."""
    chunks = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, permissions, *_ = line.split()
            if "r" not in permissions or "[vvar" in line or "[vsyscall" in line:
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            try:
                memory.seek(start)
                chunks.append(memory.read(end - start))
            except (OSError, ValueError, OverflowError):
                continue  # guard pages
    return b"".join(chunks)


def files_below(*directories):
    return [f for d in directories for f in Path(d).rglob("*") if f.is_file()]


def test_the_secret_is_nowhere_in_fobd(sandbox, enrolled):
    secret = enrolled.credential["clientSecret"].encode()
    enrolled.start()
    token = enrolled.app.token()[1]["access_token"].encode()
    for _ in range(3):
        assert enrolled.fob("refresh").returncode == 0
    token_now = enrolled.app.token()[1]["access_token"].encode()
    pid = enrolled.daemon.pid
    memory = memory_of(pid)
    assert token_now in memory, "the search itself must be able to find something"
    assert secret not in memory
    assert secret[:16] not in memory and secret.hex().encode() not in memory
    for name in ("environ", "cmdline"):
        assert secret not in Path(f"/proc/{pid}/{name}").read_bytes()
        assert token not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_no_file_holds_the_secret_or_a_token_in_clear(sandbox, enrolled):
    secret = enrolled.credential["clientSecret"].encode()
    enrolled.start()
    tokens = []
    for _ in range(3):
        tokens.append(enrolled.app.token()[1]["access_token"].encode())
        assert enrolled.fob("refresh").returncode == 0
    enrolled.fob("status")
    enrolled.app.request("POST", "/v1/token/rejected", {"access_token": tokens[-1].decode()})
    enrolled.stop()
    files = files_below(enrolled.directory)
    assert enrolled.log in files
    for file in files:
        content = file.read_bytes()
        assert secret not in content, file
        for token in tokens:
            assert token not in content, file
    # Nor is the sandbox's own state a place to find it: it keeps a hash.
    assert secret not in (sandbox.directory / "state.json").read_bytes()


def test_the_programs_leave_no_core(enrolled, tmp_path):
    enrolled.start()
    enrolled.app.token()
    pid = enrolled.daemon.pid
    limits = Path(f"/proc/{pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    # A process that may not be dumped belongs to root in /proc, whoever runs it.
    os.chdir(tmp_path)
    assert enrolled.stop(signal.SIGABRT) == -signal.SIGABRT
    assert not [f for f in tmp_path.rglob("core*") if f.is_file()]


def test_another_process_of_the_same_user_cannot_read_the_daemons_memory(enrolled):
    """PR_SET_DUMPABLE 0, tried from a user without privileges."""
    nobody = 65534
    for path in (enrolled.directory, *enrolled.directory.parents):
        if str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)
    for path in (enrolled.config, enrolled.directory / "state", *enrolled.directory.joinpath("state").rglob("*")):
        os.chown(path, nobody, nobody)
    enrolled.runtime.mkdir(exist_ok=True)
    os.chown(enrolled.runtime, nobody, nobody)
    as_nobody = {"user": nobody, "group": nobody, "extra_groups": []}
    daemon = subprocess.Popen([BIN / "fobd", *enrolled.flags()], stderr=subprocess.DEVNULL, **as_nobody)
    try:
        end = time.monotonic() + 30
        while not (enrolled.runtime / "fob.sock").exists() and time.monotonic() < end:
            time.sleep(0.02)
        tried = subprocess.run(["head", "-c1", f"/proc/{daemon.pid}/environ"], capture_output=True, text=True, **as_nobody)
        assert tried.returncode != 0 and "Permission denied" in tried.stderr
    finally:
        daemon.terminate()
        daemon.wait(30)


def test_what_fob_runs_sees_no_secret_in_argv_or_environment(sandbox, installation, tmp_path):
    """Every execve of an enrolment and an exchange, traced."""
    installation.configure_for(sandbox)
    credential = sandbox.create_credential()
    file = tmp_path / "download.json"
    file.write_text(__import__("json").dumps(credential))
    file.chmod(0o600)
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-v", "-s", "100000", "-e", "trace=execve", "-o", trace, BIN / "fob", *installation.flags(),
         "credential", "add", "prod-query", "--file", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    executed = trace.read_text()
    assert "fob-exchange" in executed, "the trial exchange is in the trace"
    assert credential["clientSecret"] not in executed
    assert credential["clientSecret"] not in done.stdout + done.stderr
