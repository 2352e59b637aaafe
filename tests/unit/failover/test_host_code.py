from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import profile

ROOT = Path(__file__).resolve().parents[3]
VALUES = yaml.safe_load((ROOT / "roles/container_host/vars/main.yml").read_text())
PROFILE = {"user": "node1", "pool": "disks", "kernel_rbd": False, "kernel_switch": True, "enforced": True}


def test_a_host_has_all_the_code_that_attaches_disks_at_boot(tmp_path):
    package = VALUES["__container_host_package"]
    for name in VALUES["__container_host_code"]:
        (tmp_path / package / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "plugins/module_utils" / name, tmp_path / package / name)
    module = f"{package}/disk/host".replace("/", ".")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {module} as host; print(host.__file__)"
    # Without site-packages, where the collection is too.
    run = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == str(tmp_path / package / "disk/host.py"), run.stderr


def test_a_hosts_profile_says_how_its_disks_are_mapped(tmp_path):
    file = tmp_path / "host.json"
    file.write_text(json.dumps(PROFILE))
    found = profile.read(9, file)
    assert (found.user, found.timeout, found.method) == ("node1", 9, "userspace")
    file.write_text(json.dumps(PROFILE | {"kernel_rbd": True}))
    assert profile.read(9, file).method == "kernel"


@pytest.mark.parametrize("text", [None, "no json", "{}"])
def test_a_host_that_was_not_prepared_is_told_how(tmp_path, text):
    file = tmp_path / "host.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CloudError) as refused:
        profile.read(9, file)
    assert "playbooks/layers/containers.yml" in refused.value.hint
