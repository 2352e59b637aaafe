# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The image: built as ansible-builder says, with what the collection declares and what AWX asks of an execution environment."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from cloud_under_test import REPOSITORY
from containerfile import inside

DEFINITION = yaml.safe_load((REPOSITORY / "awx/execution-environment.yml").read_text())


@pytest.fixture
def ask(image, store):
    """Runs a command in a container of the image, as its user; returns what it printed."""

    def run(*command: str) -> str:
        final = image.stages["final"].on(store / "container")
        done = subprocess.run(
            inside(final, [*final.entrypoint, *command], environment={}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_what_is_declared_is_what_was_installed(context, image):
    """Collections were asked for their files, and nothing was taken from elsewhere."""
    builder, final = image.stages["builder"], image.stages["final"]
    assert "openssh-client" in (builder.upper / "output/bindep/run.txt").read_text().split()
    merged = (builder.upper / "tmp/src/requirements.txt").read_text()
    for line in (REPOSITORY / "meta/requirements.txt").read_text().splitlines():
        if not line.startswith("#"):
            assert line.partition("#")[0].strip() in merged, merged
    assert (final.upper / "usr/bin/ssh").exists()
    assert not (image.base.upper / "usr/bin/ssh").is_file(), "the base has none"


def test_versions_are_the_tested_ones(ask):
    code = "from importlib import metadata; print(*(f'{one.name.lower()}=={one.version}' for one in metadata.distributions()))"
    found = ask("/usr/bin/python3", "-c", code).split()
    dependencies = DEFINITION["dependencies"]
    for pin in (dependencies["ansible_core"]["package_pip"], dependencies["ansible_runner"]["package_pip"], *dependencies["python"]):
        assert pin in found
    assert "python module location = /usr/local/lib/python3" in ask("ansible", "--version")


def test_collections_are_where_ansible_looks(ask):
    found = json.loads(ask("ansible-galaxy", "collection", "list", "--format", "json"))
    ours = {name: path for path, names in found.items() for name in names if not name.startswith("ansible._")}  # that is ansible-core's own
    assert set(ours) == {"ansible.utils", "honeycomb.cloud"}
    assert set(ours.values()) == {"/usr/share/ansible/collections/ansible_collections"}


def test_it_runs_without_root_and_with_a_home_that_it_may_write_to(ask):
    assert ask("sh", "-c", 'id -u; id -g; touch "$HOME/x" && ls "$HOME/x"; pwd').split() == ["1000", "0", "/runner/x", "/runner"]


def test_nothing_of_the_build_is_left(image, ask):
    assert ask("sh", "-c", "ls -d /output /var/lib/apt/lists/* 2>/dev/null; true") == ""
    assert not (image.stages["final"].upper / "build").exists()
