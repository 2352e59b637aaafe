# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members that no host of group etcd stands for: which they are, and the command that removes them."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import leftovers

ADDRESSES = {"control1": "10.0.0.1", "control2": "10.0.0.2", "control3": "10.0.0.3"}


def entry(name: str, address: str, identity: str = "1") -> dict:
    return {"id": identity, "name": name, "peer_urls": [f"https://{address}:2380"], "client_urls": [], "learner": False}


KNOWN = [entry(name, address) for name, address in ADDRESSES.items()]
GONE = entry("gone", "10.0.0.9", "9")
NAMELESS = entry("", "10.0.0.8", "8e9e05c52164694d")
JOINING = entry("", "10.0.0.3", "7")


def test_a_member_of_no_host_is_a_leftover_and_the_rest_of_a_hosts_own_join_is_none():
    assert leftovers.leftovers([*KNOWN, GONE, NAMELESS, JOINING], ADDRESSES) == [GONE, NAMELESS]


def test_each_leftover_is_warned_of_once_with_its_shards_and_the_command():
    assert leftovers.warnings({"pods": KNOWN, "main": [*KNOWN, JOINING]}, ADDRESSES) == []
    assert leftovers.warnings({"pods": [*KNOWN, GONE, NAMELESS], "main": [*KNOWN, GONE]}, ADDRESSES) == [
        "etcd: gone (not in group etcd) is still a member of shard main, pods, where it counts for quorum or keeps hosts from joining."
        " Remove it: ansible-playbook playbooks/day2/etcd/member.yml -e etcd_member=gone -e etcd_action=remove",
        "etcd: member 8e9e05c52164694d (https://10.0.0.8:2380, never started) is still a member of shard pods, where it counts for quorum"
        " or keeps hosts from joining."
        " Remove it: ansible-playbook playbooks/day2/etcd/member.yml -e etcd_member=8e9e05c52164694d -e etcd_action=remove",
    ]


def test_a_hint_names_only_members_of_no_host():
    assert leftovers.removals(KNOWN, ADDRESSES) == ""
    named = f"removed by: {leftovers.removal('gone')}; {leftovers.removal(NAMELESS['id'])}"
    assert leftovers.removals([*KNOWN, GONE, NAMELESS], ADDRESSES).endswith(named)
