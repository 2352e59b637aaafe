# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The build of Kubernetes: what decides its name, and what a failed or interrupted one leaves. The compiler is a small script."""

from __future__ import annotations

import collections
import json
import shutil

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.files import checksum
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.modules import kubernetes_build

SCRIPT = """#!/bin/sh
set -e
work=$1 output=$2 mirror=$3 source=$4; shift 4
echo "building $* of $source from $mirror"
mkdir -p "$work" "$output"
for command in "$@"; do echo "$source $command" > "$output/$command"; done
"""


@pytest.fixture
def wanted(tmp_path):
    script = tmp_path / "build.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    return {"script": str(script), "source_version": "1.20.2-1", "version": "1.20.2", "commands": ["kube-apiserver", "kubectl"]}


@pytest.fixture
def base(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/sbin/debootstrap" if name == "debootstrap" else which(name))
    return tmp_path / "cache"


@pytest.fixture
def build(base, wanted):
    def run(**changes):
        with (base / ".lock").open("w") as lock:
            kubernetes_build.build(base, base / "digest", wanted | changes, "http://mirror.example/debian", lock.fileno())

    return run


def test_every_input_decides(tmp_path):
    script = tmp_path / "build.sh"
    script.write_text(SCRIPT)
    digest = kubernetes_build.inputs(script, "1", ["a", "b"])
    assert kubernetes_build.inputs(script, "1", ["a", "b"]) == digest
    others = [kubernetes_build.inputs(script, "2", ["a", "b"]), kubernetes_build.inputs(script, "1", ["a"])]
    script.write_text(SCRIPT + "\n")
    others.append(kubernetes_build.inputs(script, "1", ["a", "b"]))
    assert len({digest, *others}) == 4


def test_build_leaves_programs_and_their_manifest(base, build):
    build()
    manifest = json.loads((base / "digest/manifest.json").read_text())
    assert set(manifest) == {"kube-apiserver", "kubectl"}
    assert manifest["kubectl"] == {
        "version": "1.20.2",
        "url": (base / "digest/kubectl").as_uri(),
        "sha256": checksum(base / "digest/kubectl"),
    }
    assert "building kube-apiserver kubectl of 1.20.2-1 from http://mirror.example/debian" in (base / "build.log").read_text()
    assert sorted(path.name for path in base.iterdir()) == [".lock", "build.log", "digest"]


def test_failed_build_shows_the_logs_end_and_leaves_nothing_to_take_for_whole(base, build, wanted):
    script = base.parent / "fails.sh"
    script.write_text(SCRIPT + "echo compiler out of memory; exit 3\n")
    script.chmod(0o755)
    with pytest.raises(CloudError, match=r"exit status 3:(.|\n)*compiler out of memory") as failed:
        build(script=str(script))
    assert str(base / "build.log") in failed.value.hint
    assert not (base / "digest").exists()
    assert list(base.glob(".build-*")) == []


def test_what_a_killed_build_left_is_removed(base, build):
    (base / ".build-killed/work").mkdir(parents=True)
    build()
    assert list(base.glob(".build-*")) == []


def test_too_little_room_is_refused_before_anything_runs(base, build, monkeypatch):
    Usage = collections.namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100 << 30, 98 << 30, 2 << 30))
    with pytest.raises(CloudError, match="the build needs 6 GiB, 2 GiB are free"):
        build()
    assert not (base / "build.log").exists()


def test_missing_debootstrap_is_named(base, build, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(CloudError, match="debootstrap is not installed"):
        build()
