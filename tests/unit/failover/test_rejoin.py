from __future__ import annotations

import os

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.rejoin import booted_at, ensure_rebooted, remove_mount_point


@pytest.fixture
def proc(tmp_path):
    """The proc of a container whose machine booted at 1000 and whose first process started 50 s later."""
    (tmp_path / "1").mkdir()
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1000\n")
    fields = ["0"] * 18 + [str(50 * os.sysconf("SC_CLK_TCK")), "0"]
    (tmp_path / "1/stat").write_text(f"1 (name with ) a brace) S {' '.join(fields)}\n")
    return tmp_path


def test_a_container_was_booted_when_its_first_process_started(proc):
    assert booted_at(proc) == 1050


def test_a_node_that_runs_since_before_its_fence_is_refused(proc):
    ensure_rebooted("node2", 1051, proc)
    with pytest.raises(CloudError, match="was fenced 10 s after it had booted"):
        ensure_rebooted("node2", 1060, proc)


def test_a_mount_point_with_a_volumes_file_is_kept(tmp_path):
    place = tmp_path / "red.db"
    (place / "volumes/data").mkdir(parents=True)
    (place / "volumes/data/rows").touch()
    with pytest.raises(CloudError, match=r"rows was written while disk red\.db was not mounted"):
        remove_mount_point("red.db", place)
    (place / "volumes/data/rows").unlink()
    remove_mount_point("red.db", place)
    assert not place.exists()
