# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The image of the execution environment, and the fixture that starts flows in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_under_test import Hosts, playbook
from containerfile import Image
from execution_environment import create
from runner_jobs import PASSPHRASE, Lab, Launcher, build, port

# Not in a folder for temporary files, which may be in memory.
STORE = Path("/var/lib/honeycomb/execution-environment")
COPIES = "/var/lib/honeycomb/state"


@pytest.fixture(scope="session")
def store() -> Iterator[Path]:
    """A folder for the image and the jobs."""
    shutil.rmtree(STORE, ignore_errors=True)
    STORE.mkdir(mode=0o700, parents=True)
    yield STORE
    shutil.rmtree(STORE)


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab.read()


@pytest.fixture(scope="session")
def context(store) -> Path:
    """What ansible-builder makes of the definition."""
    return create(store / "definition")


@pytest.fixture(scope="session")
def image(lab, store, context) -> Image:
    """The built image, with its stages and the log of its steps."""
    return build(lab, store, context)


@pytest.fixture(scope="session")
def launch(lab, store, image) -> Iterator[Launcher]:
    """``launch(flow, extra_variables, arguments) -> result``: starts a flow in a new container, as AWX does."""
    with port(lab) as namespace:
        yield Launcher(lab, image.stages["final"], namespace, store)


@pytest.fixture(scope="session")
def copies(tmp_path_factory) -> Iterator[None]:
    """The cloud keeps its state, encrypted; afterwards it does not, as before."""
    password = tmp_path_factory.mktemp("password") / "vault"
    password.write_text(PASSPHRASE + "\n")
    run = playbook("playbooks/day2/state/push.yml", "--vault-password-file", str(password))
    assert run.code == 0, run.output
    yield
    for host in (host for host, count in run.changed.items() if count):
        Hosts().ask(host, f"rm -r {COPIES}")
