# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts: only what differs is changed, and supplementary groups are never taken away."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.accounts import Account, plan

ETCD = Account("etcd", "etcd", frozenset({"adm"}), "/var/lib/etcd", "/usr/sbin/nologin", "")


def commands(desired: dict, current: Account | None, has_group: bool = True) -> list[tuple[str, ...]]:
    return [step.command for step in plan(desired, current, has_group)]


def test_new_account_gets_its_group_first_and_cannot_log_in():
    group, user = commands({"name": "etcd", "home": "/var/lib/etcd"}, None, has_group=False)
    assert group == ("groupadd", "--system", "etcd")
    assert user[0] == "useradd"
    assert "--system" in user
    assert user[user.index("--shell") + 1] == "/usr/sbin/nologin"
    assert user[user.index("--home-dir") + 1] == "/var/lib/etcd"


@pytest.mark.parametrize(
    "desired", [{"name": "etcd"}, {"name": "etcd", "groups": ["adm"], "home": "/var/lib/etcd"}, {"name": "etcd", "groups": []}]
)
def test_account_as_desired_is_left_alone(desired):
    assert commands(desired, ETCD) == []


def test_groups_are_added_and_kept():
    assert commands({"name": "etcd", "groups": ["ssl-cert"]}, ETCD) == [("usermod", "--append", "--groups", "ssl-cert", "etcd")]


def test_differing_values_are_changed_in_one_call():
    desired = {"name": "etcd", "group": "daemon", "home": "/srv", "comment": "etcd"}
    assert commands(desired, ETCD) == [("usermod", "--gid", "daemon", "--home", "/srv", "--comment", "etcd", "etcd")]
