"""fob status as an operator sees it: one screen, and one that goes on."""
import json
import os
import pty
import re
import select
import subprocess
import time

from fob import BIN, PATIENCE, wait_until

HOME = "\033[H\033[J"


class Terminal:
    """A command on a terminal of its own; what it has shown so far."""

    def __init__(self, *command):
        self.end, inner = pty.openpty()
        self.process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner,
                                        env={"PATH": os.environ["PATH"], "TERM": "xterm"}, start_new_session=True)
        os.close(inner)
        self.text = ""

    def shows(self, words):
        """Waits until the words stand on a screen that was begun since the last call."""
        self.text = ""
        until = time.monotonic() + PATIENCE
        while words not in self.text.split(HOME, 1)[-1] or HOME not in self.text:
            assert time.monotonic() < until, (words, self.text)
            if select.select([self.end], [], [], 0.1)[0]:
                self.text += os.read(self.end, 65536).decode()
        return self.text

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        os.close(self.end)


def test_one_screen_tells_life_next_refresh_credential_and_who_was_served(enrolled):
    enrolled.start()
    wait_until(lambda: enrolled.app.token()[0] == 200, "a token")
    screen = enrolled.fob("status").stdout
    assert re.search(r"^prod-query  valid  \[#+\.*\]  .+ of .+ left$", screen, re.M), screen
    assert re.search(r"^ +next: refresh in .+$", screen, re.M), screen
    assert re.search(r"^ +credential version 1, stored \d+ s ago$", screen, re.M), screen
    assert re.search(rf"^ +lately: \S+, .*pid {os.getpid()}: \d+ s ago", screen, re.M), screen
    status = json.loads(enrolled.fob("status", "--json").stdout)["profiles"][0]
    assert status["lifetime"] >= status["expires_in"] > 0 and status["served_to"][0]["pid"] == os.getpid()


def test_watch_goes_on_over_a_restart_of_fobd(enrolled):
    enrolled.start()
    wait_until(lambda: enrolled.app.token()[0] == 200, "a token")
    terminal = Terminal(BIN / "fob", *enrolled.flags(), "status", "--watch")
    try:
        terminal.shows("valid")
        enrolled.stop()
        terminal.shows("fobd is not running")
        enrolled.start()
        terminal.shows("valid")
    finally:
        terminal.close()


def test_watch_is_for_terminals(enrolled):
    done = enrolled.fob("status", "--watch")
    assert done.returncode == 2 and "fob watch" in done.stderr and done.stdout == ""
