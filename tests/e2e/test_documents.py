"""Every command that a document tells is run, as it stands there, where it says: on a machine with the package, on one where
fob was installed by hand, in a user's session, out of the build. documents.py says what a command is.

A command that fails here, fails for the reader. If what it takes for granted is not there, prepare it in document_steps.py. If
no test can run it, or another one does, say so in document_tables.py.
"""
import re
import subprocess

import pytest

import document_tables as tables
from document_scenes import Scene, in_kind, is_elsewhere
from documents import DAEMONS, DOCUMENTS, PROGRAMS, ROOT, read
from document_places import World
from fob import BIN
from machine import reason_to_skip

NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
ITEMS = {name: read(name) for name in NAMES}
COMMANDS = [item for items in ITEMS.values() for item in items if item.kind == "command"]
FOLLOWED = [name for name, items in ITEMS.items() if any(i.kind == "command" and not is_elsewhere(i) for i in items)]

skipped_because = reason_to_skip("cpack", "dpkg-deb")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("documents"))
    yield made
    made.close()


@pytest.mark.native
@pytest.mark.skipif(skipped_because is not None, reason=str(skipped_because))
@pytest.mark.parametrize("name", FOLLOWED)
def test_a_document_can_be_followed(world, name):
    scene = Scene(world, name)
    try:
        wrong = scene.follow()
    finally:
        scene.close()
    if wrong:
        pytest.fail("\n\n".join([*wrong, __doc__]), pytrace=False)


def test_what_is_indented_is_a_command_or_data():
    mistakes = [f"{item.document}:{item.line}: {item.text}" for items in ITEMS.values() for item in items if item.kind == "mistake"]
    assert not mistakes, "\n".join(mistakes)


def test_the_programs_that_begin_a_command_are_those_that_documents_use():
    unused = PROGRAMS - DAEMONS - {item.text.split()[0] for item in COMMANDS}
    assert not unused, "in documents.py, and in no document any more"


def test_what_is_not_run_is_told_by_some_document():
    told = {item.text for item in COMMANDS}
    stale = [command for table in (tables.TESTED_BY, tables.CANNOT_BE_RUN, tables.NAMES) for command in table if command not in told]
    patterns = [row[0] for table in (tables.SUBSTITUTED, tables.STATUSES, tables.REFUSED) for row in table] + list(tables.FOLLOWS)
    stale += [pattern for pattern in patterns if not any(re.search(pattern, text) for text in told)]
    assert not stale, "in document_tables.py, and in no document any more"


def test_the_tests_that_run_the_others_exist():
    sources = {path.name: path.read_text() for pattern in ("e2e/test_*.py", "unit/*.cpp", "component/*.cpp", "sim/*.cpp")
               for path in (ROOT / "tests").glob(pattern)}
    missing = []
    for test in tables.TESTED_BY.values():
        if "::" in test:
            file, name = test.split("::")
            there = f"def {name}(" in sources.get(file, "")
        else:
            suite, name = test.split(".")
            there = any(re.search(rf"\({suite},\s+{name}\)", source) for source in sources.values())
        missing += [] if there else [test]
    assert not missing


@pytest.mark.parametrize("item", [item for items in ITEMS.values() for item in items if item.kind == "synopsis"],
                         ids=lambda item: f"{item.document}:{item.line}")
def test_a_synopsis_says_what_there_is(item):
    wrong = []
    for usage in re.split(r"\n| · ", item.text):
        words = re.split(r"[\[\]\s]+", usage.strip())
        commands = [[]]
        for word in words:
            if not re.fullmatch(r"[a-z|-]+", word) or word.startswith("-"):
                break
            commands = [[*command, choice] for command in commands for choice in word.split("|")]
        for command in commands:
            done = subprocess.run([BIN / command[0], *command[1:], "--help"], capture_output=True, text=True, check=False)
            options = [option for option in re.findall(r"(?<!\S)\[?(--[a-z-]+)", usage) if option not in done.stdout]
            wrong += [f"{' '.join(command)}: {done.stderr}"] if done.returncode else [f"{' '.join(command)} has no {o}" for o in options]
    assert not wrong, f"{item.document}:{item.line}"


@pytest.mark.parametrize("shown,said", [
    ("tokens for 29 min 59 s", "fob: tokens for 4 min 0 s"), ("serial 7 …", "serial 12 of them"),
    ("token bdf54f64", "token 01234567"), ("a  b", "a b")])
def test_what_is_shown_is_compared_in_kind(shown, said):
    assert re.search(in_kind(shown), said)
    assert not re.search(in_kind(shown), "serials")
