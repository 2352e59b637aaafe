# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who has a lease, and the shell commands that renew and release it."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import lock
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import lock_keeper

ANNA = {"holder": "anna@deploy1", "flow": "site.yml", "since": "2026-11-27T10:00:00+00:00"}
BORIS = {"holder": "boris's laptop", "flow": "move.yml", "since": "2026-11-27T10:00:01+00:00"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run/lock"


def shell(command: str) -> int:
    return subprocess.run(["/bin/sh", "-c", command], check=False, stderr=subprocess.DEVNULL).returncode


def test_lease_belongs_to_the_first_who_asks_until_it_ends(path):
    assert lock.acquire("a", ANNA, False, path) == {}
    assert lock.acquire("a", ANNA, False, path) == {}
    other = lock.acquire("b", BORIS, False, path)
    assert other.pop("age") >= 0
    assert other == ANNA
    os.utime(path, (time.time() - lock.LEASE_SECONDS,) * 2)
    assert lock.acquire("b", BORIS, False, path) == {}
    assert lock.held(path, "a")["holder"] == "boris's laptop"


def test_lease_that_is_taken_over_belongs_to_the_new_holder_and_names_the_former(path):
    lock.acquire("a", ANNA, False, path)
    assert lock.acquire("b", BORIS, True, path)["holder"] == "anna@deploy1"
    assert lock.held(path, "b") == {}
    assert shell(lock.release_command("b", path)) == 0
    assert shell(lock.renew_command("a", ANNA, path)) == lock.LOST, "not even when it is free again"
    assert shell(lock.renew_command("b", BORIS, path)) == 0
    assert lock.acquire("c", ANNA, True, path.with_name("free")) == {}


@pytest.mark.parametrize(("age", "alive"), [(0, True), (29, True), (30, False), (-2, True), (-3600, False)])
def test_lease_ends_when_it_was_not_renewed_or_the_clock_was_set_back(path, age, alive):
    lock.acquire("a", ANNA, False, path)
    now = path.stat().st_mtime + age
    assert bool(lock.held(path, "b", now)) is alive


def test_lease_that_cannot_be_read_belongs_to_somebody(path):
    path.parent.mkdir()
    path.write_text("")
    assert lock.acquire("b", BORIS, False, path)["holder"] == "unknown"


def test_renewal_keeps_an_own_lease_makes_a_lost_one_again_and_never_touches_anothers(path):
    renew = lock.renew_command("a", BORIS, path)
    assert shell(renew) == 0
    assert path.read_text() == lock.text("a", BORIS)
    os.utime(path, (time.time() - 20,) * 2)
    assert shell(renew) == 0
    assert lock.held(path, "b")["age"] < 10
    lock.acquire("b", ANNA, True, path)
    os.utime(path, (time.time() - 20,) * 2)
    assert shell(renew) == lock.LOST
    assert lock.held(path, "a")["age"] >= 20


def test_release_removes_an_own_lease_alone(path):
    assert shell(lock.release_command("a", path)) == 0
    lock.acquire("b", BORIS, False, path)
    assert shell(lock.release_command("a", path)) == 0
    assert path.exists()
    assert shell(lock.release_command("b", path)) == 0
    assert not path.exists()


def test_token_is_that_of_one_process(tmp_path):
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert lock_keeper.token(os.getpid()) == lock_keeper.token(os.getpid())
        assert lock_keeper.token(process.pid) != lock_keeper.token(os.getpid())
    finally:
        process.kill()
        process.wait()


def test_keepers_see_by_files_which_leases_are_renewed(tmp_path):
    assert not lock_keeper.is_kept(tmp_path, "a")
    for name, age in (("a", 0), ("b", 14), ("c", 16)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    assert lock_keeper.is_kept(tmp_path, "c")
    assert lock_keeper.renewed(tmp_path, time.time()) == 2
