# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files: what differs is found, written atomically, and never over a directory."""

from __future__ import annotations

import grp
import os
import pwd
import time

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import files

ME = pwd.getpwuid(os.getuid()).pw_name
MY_GROUP = grp.getgrgid(os.getgid()).gr_name


def item(path, kind="file", **values):
    return files.Item(str(path), kind, owner=ME, group=MY_GROUP, **values)


def plan(desired):
    return files.plan(desired, files.read(desired), *files.owner_ids(desired))


def converge(desired):
    step = plan(desired)
    if step:
        files.apply(step)
    return step


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("file", {"content": b"one\n", "mode": 0o640}),
        ("file", {"content": b"\xff\x00", "mode": 0o600, "secret": True}),
        ("directory", {"mode": 0o750}),
        ("link", {"target": "elsewhere"}),
    ],
)
def test_second_run_finds_nothing_to_do(tmp_path, kind, values):
    desired = item(tmp_path / "new" / "thing", kind, **values)
    step = converge(desired)
    assert step.rewrites
    assert plan(desired) is None
    assert files.difference(step)["before_header"] == desired.path


def test_content_is_replaced_by_rename_and_leaves_no_temporary(tmp_path):
    path = tmp_path / "a.conf"
    path.write_text("old")
    inode = path.stat().st_ino
    assert converge(item(path, content=b"new")).change == f"write {path}"
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino != inode
    assert list(tmp_path.iterdir()) == [path]


def test_written_file_is_not_older_than_its_writing(tmp_path):
    # The kernel's own stamp may lag by a tick, and a unit started in between would be missed.
    before = time.time_ns()
    converge(item(tmp_path / "a", content=b"x"))
    assert (tmp_path / "a").lstat().st_mtime_ns >= before


def test_mode_alone_keeps_the_modification_time(tmp_path):
    path = tmp_path / "a"
    desired = item(path, content=b"x", mode=0o600)
    converge(desired)
    path.chmod(0o666)
    before = path.stat().st_mtime_ns
    step = converge(desired)
    assert not step.rewrites
    assert "mode 0600 (was 0666)" in step.change
    assert path.stat().st_mtime_ns == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_refused_file_leaves_the_old_one(tmp_path):
    path = tmp_path / "a"
    path.write_text("good")
    with pytest.raises(CloudError, match="accept the new"):
        converge(item(path, content=b"bad", validate="grep -q good %s"))
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


def test_validator_sees_the_new_content(tmp_path):
    converge(item(tmp_path / "a", content=b"good", validate="grep -q good %s"))
    assert (tmp_path / "a").read_text() == "good"


def test_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_text("other")
    (tmp_path / "a").symlink_to(other)
    converge(item(tmp_path / "a", content=b"mine"))
    assert other.read_text() == "other"
    assert not (tmp_path / "a").is_symlink()


def test_absent_removes_once(tmp_path):
    (tmp_path / "a").write_text("")
    desired = item(tmp_path / "a", "absent")
    assert converge(desired).change == f"remove {tmp_path / 'a'}"
    assert plan(desired) is None


@pytest.mark.parametrize("kind", ["file", "link", "absent"])
def test_directory_in_the_way_is_refused(tmp_path, kind):
    (tmp_path / "a").mkdir()
    with pytest.raises(CloudError, match="is a directory"):
        plan(item(tmp_path / "a", kind))


def test_unknown_owner_is_foreseen_but_not_applied(tmp_path):
    desired = files.Item(str(tmp_path / "a"), "file", b"x", owner="nobody-of-that-name")
    step = plan(desired)
    assert step.rewrites
    with pytest.raises(CloudError, match="no such user"):
        files.apply(step)


def test_secret_does_not_show_in_the_difference(tmp_path):
    path = tmp_path / "a"
    path.write_text("old-secret")
    shown = str(files.difference(plan(item(path, content=b"new-secret", secret=True))))
    assert "old-secret" not in shown
    assert "new-secret" not in shown
