import shutil
import tempfile

import pytest

from fleet import Operator
from fob import Installation, Sandbox


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "native: measures or traces a process, which a sanitizer's runtime would falsify")
    # Below the directory that pytest has for all its runs, each one that starts would close to other users what tests
    # have opened to them.
    config.option.basetemp = config.option.basetemp or tempfile.mkdtemp(prefix="pytest-")


def pytest_sessionfinish(session, exitstatus):
    """What failed is kept to be looked at."""
    if exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(session.config.option.basetemp, ignore_errors=True)


@pytest.fixture
def sandbox(tmp_path):
    """An authority over TLS, by its own throw-away CA."""
    started = Sandbox(tmp_path / "sandbox", "--tls")
    yield started
    started.stop()


@pytest.fixture
def installation(tmp_path):
    made = Installation(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def enrolled(sandbox, installation):
    """An installation with a credential of the sandbox in its store and no daemon yet."""
    installation.configure_for(sandbox)
    installation.credential = sandbox.create_credential()
    installation.enrol(installation.credential)
    sandbox.admin("POST", "/stats/reset")
    return installation


@pytest.fixture
def operator(tmp_path):
    """Who signs a fleet's bundles."""
    return Operator(tmp_path / "operator")
