"""Which loop devices are a host's: decided by the identity of the backing file, where the kernel can still tell it."""

from __future__ import annotations

import json

from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import disk


def listing(*devices):
    keys = ("name", "back-ino", "back-maj:min", "back-file")
    return json.dumps({"loopdevices": [dict(zip(keys, device, strict=True)) for device in devices]})


def test_a_device_whose_backing_file_does_not_answer_is_nobodys(tmp_path, monkeypatch):
    image = tmp_path / "root/image"
    image.parent.mkdir()
    image.touch()
    inode, device = disk._identity(image)
    answer = listing(
        ("/dev/loop0", None, None, None), ("/dev/loop1", inode, f" {device}", "/image"), ("/dev/loop2", inode + 1, device, "/image")
    )
    monkeypatch.setattr(disk, "run", lambda *_: answer)
    assert disk.loop_devices(tmp_path) == ["/dev/loop1"]
