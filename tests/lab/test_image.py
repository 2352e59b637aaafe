"""The store of images: who builds, who waits, what is pruned. The building itself (debootstrap) is replaced by a file."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import Image
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import ImageStore
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import Cgroup, spawn

OLD, NEW = Image("trixie", (), "amd64"), Image("trixie", ("attr",), "amd64")


class QuickStore(ImageStore):
    builds: list[str]

    def _fill(self, image: Image, partial: Path, cgroup: Cgroup) -> None:
        self.builds.append(image.digest)
        time.sleep(0.2)
        (partial / "root" / "made").touch()


@pytest.fixture
def store(tmp_path):
    made = QuickStore(tmp_path, "", [])
    made.builds = []
    return made


def images(store: ImageStore) -> set[str]:
    return {path.name for path in store.directory.iterdir()}


def test_labs_that_start_together_build_an_image_once(store, tmp_path):
    threads = [threading.Thread(target=store.claim, args=(OLD, lab, tmp_path)) for lab in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.builds == [OLD.digest]
    assert (store.root(OLD.digest) / "made").exists()
    assert all(store.is_claimed(OLD, lab, tmp_path) for lab in ("one", "two"))


def test_a_build_that_was_killed_is_swept_and_done_again(store, tmp_path):
    cgroup = store._cgroup()
    (store.directory / f".new-{OLD.digest}" / "root" / "half").mkdir(parents=True)
    spawn(["sleep", "600"], cgroup, tmp_path / "log")
    assert len(cgroup.processes()) == 1
    store.claim(OLD, "one", tmp_path)
    assert not cgroup.exists()
    assert images(store) == {OLD.digest}
    assert [path.name for path in store.root(OLD.digest).iterdir()] == ["made"]


def test_a_removed_lab_ends_the_build_that_nobody_waits_for(store, tmp_path):
    cgroup = store._cgroup()
    (store.directory / f".new-{OLD.digest}").mkdir(parents=True)
    spawn(["sleep", "600"], cgroup, tmp_path / "log")
    store.release("one")
    assert not cgroup.exists()
    assert images(store) == set()


def test_a_build_that_fails_leaves_nothing(store, tmp_path, monkeypatch):
    def fail(image, partial, cgroup):
        spawn(["sleep", "600"], cgroup, tmp_path / "log")
        raise CloudError("the mirror is away")

    monkeypatch.setattr(store, "_fill", fail)
    with pytest.raises(CloudError, match="the mirror is away"):
        store.claim(OLD, "one", tmp_path)
    assert images(store) == set()
    assert not store._cgroup().exists()


def test_images_without_a_living_lab_are_pruned(store, tmp_path):
    (tmp_path / "one").mkdir()
    store.claim(OLD, "one", tmp_path / "one")
    store.claim(NEW, "two", tmp_path / "two")
    assert store.prune(NEW.digest) == []
    (tmp_path / "one").rmdir()
    assert store.prune(NEW.digest) == [OLD.digest]
    assert images(store) == {NEW.digest}
