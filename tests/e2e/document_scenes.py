"""How a document is followed: each command where it belongs, what it says it prints compared in kind. What a document takes
for granted (a credential that was downloaded, an app that runs, a bundle that arrived) is prepared just before the command
that takes it, and what its reader does between two commands just after the first: document_steps.py.
"""
import json
import re
import tempfile
from pathlib import Path

from document_places import VENDOR
from document_shell import Shell
from document_steps import AFTER, BEFORE, BEGIN, ENVIRONMENT, MODES
from document_tables import ANSWERS, CANNOT_BE_RUN, CONFIGURED, FOLLOWS, NAMES, REFUSED, STATUSES, SUBSTITUTED, TESTED_BY
from documents import ROOT, read
from fob import BIN
from test_user_session import SESSION, USER

# Whose command it is; an operator's, if no other.
THE_TESTS = re.compile(r"cmake |ctest |realpath |build/bench/bin/|promtool |python3 tests/")
AN_APPS = re.compile(r"fob (?:token|exec|watch)\b|curl .*/v1/token")
ASKS_AT_A_TERMINAL = re.compile(r"fob credential (?:add|rotate) \S+$|fob fleet (?:keygen|seal) |systemctl edit |\bapt ")
CONFIGURATION_FILE = "/etc/fob/fob.toml"
EXAMPLE = (ROOT / "docs/examples/token.sh").read_text()


def is_elsewhere(item):
    """Whether it is run by another test, or by none for a reason. Lines of an example are, as the example is."""
    return item.text in TESTED_BY or item.text in CANNOT_BE_RUN or f"\n{item.text}\n" in EXAMPLE


def at_the_sandbox(configuration):
    """A document's fob.toml, with the sandbox in the place of the vendor, whose endpoint is the default."""
    return re.sub(r"^(\[profile\.[\w-]+\])$", rf'\1\nendpoint = "{VENDOR}/v1/m2m/token"', configuration, flags=re.M)


# What stands for others like it.
KINDS = {"…": lambda _: ".*",
         r"\d+ [a-z]+s\b": lambda piece: rf"\d+ {piece.split()[1]}?",
         r"\s+": lambda _: r"\s+",
         r"\b(?=[a-f]*\d)[0-9a-f]{8,}\b": lambda _: "[0-9a-f]+",
         r"\d+": lambda _: r"\d+",
         r".": re.escape}


def in_kind(line):
    """What a shown line stands for: other numbers, times and hashes, and anything for an ellipsis."""
    pieces = re.findall("|".join(KINDS), line.strip())
    return "".join(next(other(piece) for kind, other in KINDS.items() if re.fullmatch(kind, piece)) for piece in pieces)


def compare(shown, said):
    """JSON by its members, other words line by line."""
    if shown.startswith("{"):
        assert "{" in said, f"shows JSON, but says:\n{said}"
        answer, _ = json.JSONDecoder().raw_decode(said[said.index("{"):])
        assert answer.keys() == json.loads(shown).keys(), f"shows:\n{shown}\nbut says:\n{said}"
        return
    lines = iter(said.splitlines())
    for line in shown.splitlines():
        assert any(re.search(in_kind(line), one) for one in lines), f"shows `{line.strip()}`, but says:\n{said}"


class Scene:
    def __init__(self, world, document):
        self.world = world
        self.document = document
        self.items = read(document)
        self.home = "/root/" + re.sub(r"\W+", "-", document)
        self.facts = {"vendor": VENDOR, "build": BIN.parent, "tree": ROOT, "home": self.home, "signer": "none", "pid": "1"}
        self.begun = set()
        self.tests_own = None
        self.configurations = {}
        self.bundles = 0
        self.said = []

    def follow(self):
        """What went wrong, in words for people."""
        for mode in {self.mode(item) for item in self.items if item.kind == "command" and not is_elsewhere(item)} - {"tests"}:
            self.machine(mode)
        wrong, section = [], None
        for item in self.items:
            if item.section != section:
                section, self.said = item.section, []
            try:
                self.step(item)
            except AssertionError as failure:
                wrong.append(f"{item}\n{failure}")
        return wrong

    def step(self, item):
        if item.kind == "command" and not is_elsewhere(item):
            self.run(item)
        elif item.kind == "shown":
            compare(item.text, "".join(self.said))
        elif item.kind == "toml" and item.document in CONFIGURED:
            self.configure(self.mode(item), item.text)

    def run(self, item):
        mode = self.mode(item)
        place = self.place(mode)
        self.take(BEFORE, item, place)
        shell = self.shell(item, mode, place)
        command = self.command(item)
        if mode == "tests":
            # Changes nothing, so once for all documents is enough.
            if command in self.world.done_once:
                return
            self.world.done_once.add(command)
        follows = next((said for pattern, said in FOLLOWS.items() if re.search(pattern, item.text)), None)
        if follows is not None:
            done = shell.run_until(command, lambda said: re.search(follows, said))
        elif place and ASKS_AT_A_TERMINAL.search(command):
            done = shell.run_at_terminal(command, self.answers(place))
        else:
            done = shell.run(command)
        self.said.append(done.said)
        right = next((statuses for pattern, statuses, _ in STATUSES if re.search(pattern, item.text)), {0})
        run_as = "" if command == item.text else f"run as `{command}`\n"
        assert follows is not None or done.status in right, f"{run_as}exited with {done.status}:\n{done.said}"
        if item.text in NAMES:
            missing = [word for word in item.text.split() if word.startswith("-") and word not in done.out]
            assert not missing, f"has no {missing[0]}:\n{done.out}"
        if re.search(r"\b(?:curl|admin) ", command) and re.search(r'"error"|"urn:fob:', done.out):
            assert any(re.search(pattern, item.text) for pattern, _ in REFUSED), f"was refused:\n{done.out}"
        self.take(AFTER, item, place, done)

    def take(self, steps, item, *more):
        for where, pattern, step in steps:
            if where in (None, item.document, (item.document, item.section)) and re.search(pattern, item.text):
                step(self, item, *more)

    def command(self, item):
        command = re.sub(r"( -.*)?$", " --help", item.text, count=1) if item.text in NAMES else item.text
        for pattern, words, _ in SUBSTITUTED:
            command = re.sub(pattern, lambda found, w=words: found.expand(w.format(**self.facts)), command)
        return command

    def answers(self, place):
        credential = place.new_credential()
        return {question: answer.format(**credential) for question, answer in ANSWERS.items()}

    # --- where it is run

    def mode(self, item):
        if THE_TESTS.match(item.text) or item.text in NAMES:
            return "tests"
        return MODES.get((item.document, item.section)) or MODES.get(item.document) or "package"

    def machine(self, mode):
        return self.world.place("package" if mode in ("package", "session") else "by hand")

    def place(self, mode):
        """The machine for a mode, made ready for it when the document comes to it first."""
        if mode == "tests":
            return None
        place = self.machine(mode)
        if mode not in self.begun:
            self.begun.add(mode)
            place.furnish(self.home)
            BEGIN[mode](self, place)
        return place

    def shell(self, item, mode, place):
        if mode == "tests":
            if self.tests_own is None:
                self.tests_own = tempfile.TemporaryDirectory()
                self.tests_shell = Shell([], papers=self.tests_own.name)
                self.tests_shell.run(f"cd {self.tests_own.name}; PATH={BIN}:$PATH; ln -s {ROOT}/docs {ROOT}/tests .")
            return self.tests_shell
        if mode == "session":
            return place.shell("session", f"/home/{USER}", USER, SESSION)
        if mode in ("package", "by hand") and AN_APPS.match(item.text):
            return place.shell("localizer", "/home/xr", "xr")
        environment = [setting.format(**self.facts) for setting in ENVIRONMENT.get(mode, [])]
        return place.shell("operator" if mode == "package" else mode.replace(" ", "-"), self.home, environment=environment)

    def close(self):
        if self.tests_own:
            self.tests_shell.close()
            self.tests_own.cleanup()
        for place in {self.place(mode) for mode in self.begun}:
            place.end_shells()

    # --- what a document's reader writes down

    def configure(self, mode, text):
        """A whole fob.toml, or what is to be in it too."""
        place = self.place(mode)
        before = "" if "[profile." in text else self.configurations[mode]
        if "[fleet]" in text:
            before = re.sub(r"\[fleet\]\nsigners = .*\n", "", before)
        self.configurations[mode] = f"{before}\n{at_the_sandbox(text)}"
        if self.facts["signer"] != "none":
            self.trust(mode, self.facts["signer"])
        self.write_configuration(place, mode)

    def trust(self, mode, signer):
        """In the place of the key that documents show."""
        self.facts["signer"] = signer
        self.configurations[mode] = re.sub(r"signers = .*", f'signers = ["{signer}"]', self.configurations[mode])

    def write_configuration(self, place, mode, more=""):
        place.machine.write(f"{self.home}/fob.toml" if mode == "sandbox" else CONFIGURATION_FILE, self.configurations[mode] + more)
