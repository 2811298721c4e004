"""A shell that a document's commands are typed into, one after the other, so that what one sets the next one finds."""
import contextlib
import itertools
import os
import re
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from fob import PATIENCE, wait_until

# Where a shell's commands and what they print are put down, as the shell sees it.
PAPERS = "/tmp/document"
numbers = itertools.count(1)


@dataclass
class Done:
    status: int
    out: str
    err: str

    @property
    def said(self):
        return self.out + self.err


class Shell:
    """`start`: the command line under which bash reads from a pipe; `root`: that shell's root as the tests see it."""

    def __init__(self, start, root="/", papers=PAPERS):
        self.root = str(root).rstrip("/")
        self.papers = papers
        self.complaints = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*start, "bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.complaints, text=True)
        # What runs in the background has a process group of its own, so that it can be stopped with all it has started.
        assert self.type("set -m; echo ready") == "ready"

    def path(self, name):
        """The file of this name as the tests see it."""
        return Path(f"{self.root}{self.papers}/{name}")

    def type(self, line):
        """What the shell itself answers to a line: one line."""
        answer = []
        reader = threading.Thread(target=lambda: answer.append(self.process.stdout.readline()), daemon=True)
        with contextlib.suppress(BrokenPipeError):  # said below, with the reason
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        reader.start()
        reader.join(PATIENCE * 2)
        assert answer and answer[0], f"the shell does not come back from: {line}\n{self.complained()}"
        return answer[0].strip()

    def complained(self):
        return os.pread(self.complaints.fileno(), 10_000, 0).decode(errors="replace")

    def prepare(self, command):
        """Puts a command down; the name under which its papers are."""
        name = f"{os.getpid()}-{next(numbers)}"
        self.path(name).write_text(command + "\n")
        self.path(name).chmod(0o644)
        return name

    def said(self, name, stream):
        """Without the lines that script(1) adds."""
        paper = self.path(f"{name}.{stream}")
        return re.sub(r"^Script (?:started|done) on .*\n", "", paper.read_text(errors="replace"), flags=re.M) if paper.exists() else ""

    def done(self, name, status):
        return Done(int(status), self.said(name, "out"), self.said(name, "err"))

    def run(self, command):
        name = self.prepare(command)
        at = f"{self.papers}/{name}"
        return self.done(name, self.type(f". {at} >{at}.out 2>{at}.err </dev/null; echo $?"))

    def run_until(self, command, condition):
        """One that goes on until somebody stops it: runs it until `condition(what it has said)`, then interrupts it."""
        name = self.prepare(command)
        at = f"{self.papers}/{name}"
        group = self.type(f"(. {at}) >{at}.out 2>{at}.err </dev/null & echo $!")
        try:
            wait_until(lambda: condition(self.done(name, 0).said), f"`{command}` says or does what it should")
        except AssertionError as failure:
            raise AssertionError(f"{failure}; it says:\n{self.done(name, 0).said}") from None
        finally:
            self.type(f"kill -INT -- -{group}; kill -TERM -- -{group}; wait {group}; echo ended")
        return self.done(name, 0)

    def run_at_terminal(self, command, answers):
        """Types an answer to each of its questions: {what the question begins with, as a regular expression: answer}."""
        name = self.prepare(command)
        at = f"{self.papers}/{name}"
        self.type(f"export -f $(compgen -A function) 2>/dev/null; rm -f {at}.in; mkfifo -m 600 {at}.in; echo made")
        asked = f"script --quiet --return --flush --command '. {at}' {at}.out <{at}.in >/dev/null 2>{at}.err"
        line = f"SHELL=/bin/bash {asked}; echo $?"
        status = []
        running = threading.Thread(target=lambda: status.append(self.type(line)), daemon=True)
        running.start()
        with open(self.path(f"{name}.in"), "w") as keyboard:
            answered, end = 0, time.monotonic() + PATIENCE * 2
            while running.is_alive() and time.monotonic() < end:
                asking = [(found.end(), answer) for question, answer in answers.items()
                          for found in re.finditer(question, self.said(name, "out")) if found.end() > answered]
                if asking:
                    answered, answer = min(asking)
                    keyboard.write(answer + "\n")
                    keyboard.flush()
                running.join(0.05)
        assert status, f"`{command}` does not end; it shows:\n{self.said(name, 'out')}"
        return self.done(name, status[0])

    def close(self):
        """Waits for its end, for only then its unit's name is free again."""
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.complaints.close()
