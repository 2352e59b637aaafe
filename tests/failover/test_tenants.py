"""The key of one tenant is worth nothing on the images of another."""

from __future__ import annotations

from conftest import CONTROLLER, Hosts


def test_a_tenants_key_opens_its_own_images_only(hosts: Hosts) -> None:
    def as_blue(command: str) -> tuple[int, str]:
        key = "umask 077; ceph auth get-key client.tenant.blue >/run/blue.key"
        asked = f"rbd --id tenant.blue --keyfile /run/blue.key {command}; s=$?; rm /run/blue.key; exit $s"
        done = hosts.run(CONTROLLER, f"{key}; {asked}")
        return done.returncode, done.stdout + done.stderr

    assert as_blue("ls disks/blue")[0] == 0, "its own images must be seen, or the test proves nothing"
    export = "export disks/red/db - --no-progress | head -c 1"
    for command in ("ls disks/red", "info disks/red/db", export, "lock add disks/red/db intruder"):
        code, answer = as_blue(command)
        if "head -c" in command:
            assert "Operation not permitted" in answer, f"{command}: {answer}"
        else:
            assert code != 0, f"{command}: {answer}"
            assert "not permitted" in answer, f"{command}: {answer}"
