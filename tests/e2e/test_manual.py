"""The man pages, the shells' completions and the reference say what the tables of arguments and options say, and the pages are good
man pages: for mandoc, for man-db, and for who reads them on 80 columns."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from fob import BIN, PATIENCE
from libfob_app import CLIENT

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/man").iterdir())
BY_HAND = {"libfob.3"}
# Pages of others that ours refer to.
FOREIGN = {"capabilities 7", "curl 1", "systemctl 1", "systemd 1"}
# What lint says of a machine where fob is not installed, or whose index of manuals is old.
OF_THE_MACHINE = re.compile(r"referenced manual not found|outdated mandoc\.db")
READER = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}

page_by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=READER, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the generator makes of this tree now, in a directory of its own."""
    directory = tmp_path_factory.mktemp("manual")
    done = run(BIN / "manual_generator", ROOT, directory)
    assert done.returncode == 0, done.stderr
    return directory


def below(directory):
    return {file.relative_to(directory).as_posix() for file in directory.rglob("*") if file.is_file()}


def test_what_is_made_from_the_tables_says_what_they_say(made):
    stale = [name for name in below(made) if not (ROOT / name).exists() or (made / name).read_bytes() != (ROOT / name).read_bytes()]
    assert not stale, "written anew by: ninja -C build/dev manual"


def test_every_page_and_every_completion_is_made_from_the_tables(made):
    committed = {f"docs/{folder}/{file.name}" for folder in ("man", "completions") for file in (ROOT / "docs" / folder).iterdir()}
    assert committed - {f"docs/man/{page}" for page in BY_HAND} <= below(made)


def test_a_part_without_an_end_or_of_nothing_is_refused(tmp_path):
    for wrong, why in ((".\\\" made: options fob\n", "has no end"), (".\\\" made: options fob nothing\n.\\\" end\n", "no command fob nothing"),
                       (".\\\" made: nothing\n.\\\" end\n", "no such part")):
        (tmp_path / "docs/man").mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs/man/fob.1").write_text(wrong)
        done = run(BIN / "manual_generator", tmp_path, tmp_path / "made")
        assert done.returncode == 1 and why in done.stderr


@page_by_page
def test_a_page_is_clean_for_mandoc(page):
    faults = [line for line in run("mandoc", "-T", "lint", "-W", "style", page).stdout.splitlines() if not OF_THE_MACHINE.search(line)]
    assert not faults


@page_by_page
def test_a_page_is_found_by_its_name_and_by_what_it_says_of_itself(page):
    done = run("lexgrog", page)
    assert done.returncode == 0, done.stdout
    assert re.search(rf'"{re.escape(page.stem)} - \S', done.stdout)


@page_by_page
def test_a_page_reads_on_a_terminal_of_80_columns(page):
    done = run("man", "--warnings", "-E", "UTF-8", "-l", page)
    assert (done.returncode, done.stderr) == (0, "")
    text = re.sub(r".\x08", "", done.stdout)
    assert not [line for line in text.splitlines() if len(line) > 80]
    assert "NAME" in text and "SEE ALSO" in text


@page_by_page
def test_a_page_refers_to_pages_that_are(page):
    names = {f"{other.stem} {other.suffix[1:]}" for other in PAGES}
    named = {f"{name} {section}" for name, section in re.findall(r"^\.(?:.* )?Xr (\S+) (\d)", page.read_text(), re.M)}
    assert named - names <= FOREIGN
    assert f"{page.stem} {page.suffix[1:]}" not in named, "a page refers to itself"


def test_every_function_of_libfob_is_in_its_page():
    declared = set(re.findall(r"^FOB_API [^;]*?\b(fob_\w+)\(", re.sub(r"/\*.*?\*/", "", (CLIENT / "fob.h").read_text(), flags=re.S), re.M))
    page = (ROOT / "docs/man/libfob.3").read_text()
    assert len(declared) > 15
    assert {name for name in declared if f".Fn {name} " not in page} == set()


def examples_of(page):
    """What stands in the page's literal displays, as it is read."""
    text = (ROOT / "docs/man" / page).read_text()
    section = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh )", text, re.M | re.S)[1]
    return [block.replace("\\-", "-").replace("\\e", "\\") for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section, re.M | re.S)]


def test_the_configurations_of_the_manual_are_fine(installation):
    shown = examples_of("fob.toml.5")
    assert len(shown) == 2
    for text in shown:
        installation.configure(text)
        done = installation.fob("config", "check")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["fob.1", "fob-fleet.1", "fobd.8"])
def test_the_commands_of_the_examples_are_commands(installation, page):
    """Each is understood; what it finds there is another matter."""
    installation.configure("[profile.prod-query]\n")
    lines = [line for block in examples_of(page) for line in block.replace("\\\n", " ").splitlines() if line.startswith("fob ")]
    assert lines
    for line in lines:
        words = re.split(r" [|>]", line)[0].split()[1:]
        assert "--help" not in installation.fob(*words).stderr, line


def helps():
    """The help text of each command, by its words."""
    known, waiting = {}, [()]
    while waiting:
        words = waiting.pop()
        known[words] = run(BIN / "fob", *words, "--help").stdout
        heads = re.findall(r"^(\S.*):\n((?:  \S.*\n(?:   .*\n)*)+)", known[words], re.M)
        for head, entries in heads:
            if head not in ("Options", "Positionals"):
                waiting += [(*words, name) for name in re.findall(r"^  ([a-z]+) ", entries, re.M)]
    return known


def test_every_help_text_fits_a_terminal():
    known = helps()
    assert {("credential", "add"), ("fleet", "seal"), ("config", "show")} <= set(known)
    assert ("config", "profiles") not in known, "it is for the completions"
    texts = {("fob", *words): text for words, text in known.items()}
    texts |= {(name,): run(BIN / name, "--help").stdout for name in ("fobd", "fob-gateway", "fob-exchange", "fob-witness", "fob-authority")}
    for words, text in texts.items():
        assert "Usage:" in text, words
        assert not [line for line in text.splitlines() if len(line) > 120], words
