"""What the unit that plugs a port at boot asks of Open vSwitch and of the kernel, run with programs that stand in for theirs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[3] / "roles/ovn_host/templates/honeycomb-port@.service.j2"
PROGRAM = """#!/bin/sh
echo "${0##*/} $*" >>"$LOG"
"""


@pytest.fixture
def finish(tmp_path):
    """Runs the unit's last command; ``ip`` is what the program of that name does besides. Returns its status and the calls it made."""
    text = UNIT.read_text().replace("\\\n", "")
    (script,) = re.findall(r"^ExecStartPost=/bin/sh -ec '(.*wait-until.*)'$", text, re.MULTILINE)

    def run(ip: str = "", switch: str = "") -> tuple[int, list[str]]:
        for name, extra in {"ip": ip, "ovs-vsctl": switch, "cat": "echo 12"}.items():
            (tmp_path / name).write_text(f"{PROGRAM}{extra}\n")
            (tmp_path / name).chmod(0o755)
        log = tmp_path / "log"
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log)}
        command = script.replace("%i", "0123456789").replace("$$", "$")
        status = subprocess.run(["/bin/sh", "-ec", command], env=environment, capture_output=True, check=False).returncode
        return status, [line for line in log.read_text().splitlines() if not line.startswith("cat")]

    return run


def test_a_port_is_set_up_after_the_switch_has_adopted_this_very_interface(finish):
    status, calls = finish(ip='[ "$2" = set ] || echo 12: hco-0123456789')
    assert status == 0
    assert calls == [
        "ovs-vsctl --retry --timeout=60 wait-until Interface hco-0123456789 ifindex=12 ofport>0",
        "ip link set dev hco-0123456789 up",
        "ip link show dev hco-0123456789 up",
    ]


def test_a_port_that_stays_down_fails_the_unit(finish):
    status, _calls = finish()
    assert status != 0


def test_a_switch_that_does_not_adopt_the_interface_fails_the_unit(finish):
    status, calls = finish(ip="echo 12: hco-0123456789", switch="exit 1")
    assert status != 0
    assert not any(call.startswith("ip") for call in calls)
