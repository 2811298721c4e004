"""The examples of docs/examples as an app's author would run them, and what the documents say held against the programs."""
import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fob import BIN, PATIENCE

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples"
NAMES = ["token.sh", "fob_token.py", "token.mjs", "Token.cs", "token.cpp"]
CODE = {"sh", "python", "js", "csharp", "cpp"}
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "daemon/DESIGN.md", ROOT / "ipc/PROTOCOL.md",
             ROOT / "tests/authority/README.md", *sorted(ROOT.glob("docs/**/*.md"))]


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """How each example is started; the compiled ones are compiled once, without a warning."""
    built = tmp_path_factory.mktemp("examples")
    for compiler in (["mcs", "-warnaserror", "-r:System.Runtime.Serialization", f"-out:{built}/Token.exe", "Token.cs"],
                     ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "token.cpp", "-lcurl", "-o", f"{built}/token"]):
        done = subprocess.run(compiler, cwd=EXAMPLES, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return {"token.sh": ["sh", EXAMPLES / "token.sh"],
            "fob_token.py": [sys.executable, "-B", EXAMPLES / "fob_token.py"],
            "token.mjs": ["node", EXAMPLES / "token.mjs"],
            "Token.cs": ["mono", built / "Token.exe"],
            "token.cpp": [built / "token"]}


@pytest.fixture
def run(commands, tmp_path):
    """run(NAME, SOCKET, ARGUMENT…): the finished process."""
    def start(name, socket, *arguments):
        # A proxy in the environment is no way to a Unix socket.
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "FOB_SOCKET": str(socket),
                       "http_proxy": "http://127.0.0.1:9"}
        return subprocess.run([*commands[name], *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env=environment)
    return start


@pytest.fixture
def serving(sandbox, enrolled):
    """A daemon that grants this user `prod-query`, and not `staging`."""
    user = pwd.getpwuid(os.getuid()).pw_name
    enrolled.configure_for(sandbox, extra='\n[profile.staging]\nrefresh = "on-demand"\n'
                                          f'\n[[grant]]\nprofiles = ["prod-query"]\nuser = "{user}"\n')
    enrolled.start()
    return enrolled


@pytest.mark.parametrize("name", NAMES)
def test_an_example_prints_a_token_that_the_api_accepts(run, serving, sandbox, name):
    for arguments in ([], ["prod-query"]):
        done = run(name, serving.app.path, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == serving.app.token()[1]["access_token"] + "\n"
        assert sandbox.call_api(done.stdout.strip()) == 200


@pytest.mark.parametrize("name", NAMES)
def test_an_example_that_is_refused_prints_the_detail_and_fails(run, serving, name):
    for profile, detail in (("staging", "is not granted this profile"), ("a b&c", "profile must be 1 to 64 letters")):
        done = run(name, serving.app.path, profile)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith("fob: ") and detail in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", NAMES)
def test_without_a_daemon_an_example_says_so_and_fails(run, tmp_path, name):
    done = run(name, tmp_path / "nobody.sock")
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1


def test_no_example_shadows_a_module_of_its_language():
    assert not {f.stem for f in EXAMPLES.glob("*.py")} & set(sys.stdlib_module_names)


def blocks_of(document):
    """(language, text) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.M | re.S)


def test_the_readmes_code_is_that_of_the_examples():
    files = {name: "\n" + (EXAMPLES / name).read_text() for name in NAMES}
    shown = [text for language, text in blocks_of(ROOT / "README.md") if language in CODE]
    strangers = [text for text in shown if not any("\n" + text in file for file in files.values())]
    assert not strangers, "README.md shows code that stands in no example"
    missing = [name for name, file in files.items() if not any("\n" + text in file for text in shown)]
    assert not missing, "README.md shows nothing of these"
    assert {f.name for f in EXAMPLES.iterdir() if f.is_file()} == set(NAMES), "an example without a test"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    targets = [t for t in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:|#", t)]
    dead = [t for t in targets if not (document.parent / t.split("#")[0]).exists()]
    assert not dead


def test_the_web_page_is_all_that_it_refers_to_and_nothing_from_elsewhere():
    page = EXAMPLES / "webxr"
    named = re.findall(r'(?:src|href)="([^"]*)"', (page / "index.html").read_text())
    assert sorted(named) == ["data:,", "localize.js", "style.css"]
    assert not re.search(r"^\s*(import|export)\b|import\(", (page / "localize.js").read_text(), re.M), "one module, on its own"
    assert not re.search(r"url\(|@import", (page / "style.css").read_text())
    assert {f.name for f in page.iterdir()} == {"README.md", "index.html", "localize.js", "style.css"}


@pytest.mark.parametrize("document", ["README.md", "docs/configuration.md", "docs/operators.md", "docs/examples/webxr/README.md"])
def test_the_configurations_shown_are_fine(installation, document):
    shown = [text for language, text in blocks_of(ROOT / document) if language == "toml"]
    assert shown
    for text in shown:
        installation.configure(text)
        done = installation.fob("config", "check")
        assert done.returncode == 0, done.stderr


def test_every_option_is_documented(installation):
    selectors = {"user": "x", "group": "x", "exe": "/x", "exe_sha256": "0" * 64, "unit": "x.service", "apparmor": "x", "selinux": "x"}
    installation.configure('[daemon]\n[profile.a]\n[[grant]]\nprofiles = ["a"]\n' +
                           "".join(f'{s} = "{value}"\n' for s, value in selectors.items()))
    done = installation.fob("config", "show")
    assert done.returncode == 0, done.stderr
    keys = re.findall(r"^(?:# )?(\w+) = ", done.stdout, re.M)
    assert {"store", "endpoint", "exe_sha256"} <= set(keys)
    reference = (ROOT / "docs/configuration.md").read_text()
    assert not [key for key in keys if f"`{key}`" not in reference]


def test_the_protocol_names_every_member_of_a_status_and_of_a_token(serving):
    protocol = (ROOT / "ipc/PROTOCOL.md").read_text()
    status = json.loads(serving.control.request("GET", "/v1/status")[2])
    members = [*status, *(m for profile in status["profiles"] for m in profile), *serving.app.token()[1]]
    assert not [m for m in members if f'"{m}"' not in protocol]


def test_every_error_is_in_the_catalogue():
    name = re.compile(r"\burn:fob:[\w-]+")
    table = set(name.findall((ROOT / "ipc/base/error.cpp").read_text()))
    assert {"urn:fob:not-granted", "urn:fob:clock-wrong"} <= table
    catalogue = set(name.findall((ROOT / "docs/errors.md").read_text()))
    assert sorted(table - catalogue) == [], "not in docs/errors.md"
    assert sorted(catalogue - table) == [], "in docs/errors.md alone"


@pytest.mark.parametrize("document", ["docs/traps.md", "docs/decisions.md"])
def test_the_checks_that_are_named_exist(document):
    tests = "\n".join(f.read_text() for pattern in ("unit/*.cpp", "component/*.cpp", "e2e/*.py")
                      for f in (ROOT / "tests").glob(pattern))
    text = (ROOT / document).read_text()
    cases = re.findall(r"`([A-Z]\w+)\.([A-Z]\w+)`", text)
    missing = [f"{suite}.{case}" for suite, case in cases if not re.search(rf"\({suite},\s+{case}\)", tests)]
    missing += [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in tests]
    assert not missing
