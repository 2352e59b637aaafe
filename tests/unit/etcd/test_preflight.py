# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the preflight of etcd sees of the live shards, and when it refuses a member that would move."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import members
from ansible_collections.honeycomb.cloud.plugins.modules import etcd_preflight

HERE, OLD = "https://10.0.0.3:2380", "https://10.0.0.77:2380"
DESIRED = {"main": {"client_port": 2379, "peer_port": 2380, "resources": []}}


class Answers:
    def __init__(self, known: list[dict]):
        self.known = known

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def count(self, _prefix, serializable):
        assert serializable, "no quorum is needed"
        return 0

    def members(self, linearizable):
        assert not linearizable, "no quorum is needed"
        if not self.known:
            raise CloudError("connection refused")
        return self.known


@pytest.fixture
def host(tmp_path):
    """A function that makes control3 with a member's data, if it has any, and its configuration; ``peer_url``: that on its disk."""

    def make(peer_url: str, known: list[dict], data: bool = True) -> members.Host:
        (tmp_path / "main.env").write_text(f"ETCD_LISTEN_CLIENT_URLS=https://10.0.0.3:2379\nETCD_INITIAL_ADVERTISE_PEER_URLS={peer_url}\n")
        if data:
            (tmp_path / "main/member").mkdir(parents=True)

        class Host(members.Host):
            def member(self, *_, **__):
                return Answers(known)

        return Host("control3", {"control3": "10.0.0.3"}, None, tmp_path, tmp_path)

    return make


def entry(url: str) -> dict:
    return {"id": "1", "name": "control3", "peer_urls": [url], "client_urls": [], "learner": False}


def test_a_member_where_it_was_is_compared(host):
    state, foreign, known = etcd_preflight.look(host(HERE, [entry(HERE)]), DESIRED)
    assert (state, foreign, known) == ({"main": {"data": True, "serving": True}}, {}, {"main": [entry(HERE)]})


@pytest.mark.parametrize(
    ("peer_url", "known"),
    [
        (OLD, [entry(OLD)]),
        (OLD, []),  # it cannot be asked at its new address
        (HERE, [entry(OLD)]),  # configured to the new address by an earlier run
    ],
)
def test_a_member_that_would_move_is_refused(host, peer_url, known):
    with pytest.raises(CloudError, match=f"control3 is a member at {OLD}, expected {HERE}") as refused:
        etcd_preflight.look(host(peer_url, known), DESIRED)
    assert "-e etcd_member=control3 -e etcd_action=remove, then site.yml" in refused.value.hint


def test_a_host_whose_data_was_set_aside_joins_anew_at_another_address(host):
    assert etcd_preflight.look(host(OLD, [], data=False), DESIRED)[0] == {"main": {"data": False, "serving": False}}
