from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import power

NODE = {"method": "redfish", "address": "192.0.2.9", "user": "fence", "password": "hidden", "options": {"systems_uri": "/x"}}


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """A program in the place of the fence agent, with a power switch in a file. The real one needs a controller."""
    path = tmp_path / "fence_redfish"

    def install(body: str) -> None:
        path.write_text(f'#!/bin/sh\ncd {tmp_path}\ncat >asked\necho "$@" >arguments\n{body}')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setitem(power.ENVIRONMENT, "PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    install.folder = tmp_path
    return install


def test_a_node_is_off_when_its_controller_says_so_afterwards(agent):
    agent("grep -q action=off asked && touch off; [ -e off ] && grep -q status asked && exit 2; exit 0")
    assert power.off("node2", NODE, 5) is True
    assert power.off("node2", NODE, 5) is False


def test_a_controller_that_only_says_yes_is_not_believed(agent):
    agent("exit 0")
    with pytest.raises(CloudError, match="says that it is not off"):
        power.off("node2", NODE, 5)


def test_a_refusal_is_said(agent):
    agent("grep -q action=off asked && echo no rights >&2 && exit 1; exit 0")
    with pytest.raises(CloudError, match="no rights"):
        power.off("node2", NODE, 5)


def test_a_controller_that_hangs_is_given_up(agent):
    agent("exec sleep 10")
    with pytest.raises(CloudError, match="did not end"):
        power.off("node2", NODE, 0.5)


def test_the_password_is_on_no_command_line(agent):
    agent("exit 2")
    power.off("node2", NODE, 5)
    assert (agent.folder / "arguments").read_text().strip() == ""
    assert "password=hidden\n" in (agent.folder / "asked").read_text()


def test_a_line_break_adds_no_option():
    with pytest.raises(CloudError, match="line break"):
        power.text(NODE | {"password": "a\naction=on"}, "off")
