# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of the cloud's state share: another person's machine, and what must not change on hosts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cloud_under_test import LAB_STATE, Hosts, Run, groups, playbook

STATE = LAB_STATE / "cloud"
RECORD = "/etc/honeycomb/cloud.json"


def preflight(state: Path, *arguments: str) -> Run:
    """Runs what precedes every change, as site.yml does, with the state in another folder: another person's machine."""
    return playbook("playbooks/preflight.yml", "-e", f"cloud_state_dir={state}", *arguments)


def contents(state: Path) -> dict[str, bytes]:
    """Everything of a state that cannot be made again."""
    paths = [*state.glob("pki/*.crt"), *state.glob("pki/*.key"), state / "secrets.yml", state / "cloud.json"]
    return {str(path.relative_to(state)): path.read_bytes() for path in paths if path.exists()}


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A copy of the state on another person's machine."""
    copy = tmp_path / "state"
    shutil.copytree(STATE, copy, ignore=shutil.ignore_patterns("bin"))
    return copy


@pytest.fixture
def untouched(hosts: Hosts):
    """Nothing on any host is changed by the test."""
    command = "find /etc/honeycomb /etc/ceph /etc/etcd -type f 2>/dev/null -exec sha256sum {} + | sort"
    before = {host: hosts.ask(host, command) for host in groups()["all"]}
    yield
    assert {host: hosts.ask(host, command) for host in before} == before
