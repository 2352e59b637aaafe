"""The steps that take a tenant out of Ceph, against a cluster that is kept in memory."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Foreign, Ref
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant import removal
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant.removal import STEPS, TenantRemoval

CONTAINER = {"image": "localhost/db:1", "secrets": ["password"]}


class MemoryCloud:
    """Ceph and OVN as far as a removal looks at them."""

    def __init__(self):
        self.disks_there = [Disk("red", "db", "1", Owner(), CONTAINER), Disk("blue", "db", "2", Owner("node1", 1, ATTACHED), CONTAINER)]
        self.namespaces = ["blue", "red"]
        self.users = ["client.admin", "client.tenant.blue", "client.tenant.red"]
        self.keys = {"honeycomb/site/users": json.dumps(["client.tenant.blue", "client.tenant.red"])}
        self.open_at: list[str] = []
        self.handle = SimpleNamespace(close=lambda: None)
        self.columns = {}
        self.cluster, self.store, self.nodes = self, self, [SimpleNamespace(name="node1")]

    def command(self, prefix, key="", data="", entity=""):
        if prefix == "auth ls":
            return {"auth_dump": [{"entity": name, "key": "", "caps": {}} for name in self.users]}
        if prefix == "auth rm":
            self.users.remove(entity)
        elif prefix == "config-key get":
            if key not in self.keys:
                raise CommandError("no such key", "", 2)
            return json.loads(self.keys[key])
        elif prefix == "config-key set":
            self.keys[key] = data
        elif prefix == "config-key rm":
            del self.keys[key]
        return None

    def disks(self):
        return list(self.disks_there)

    def within(self, _tenant):
        return self.handle

    def watchers(self, _disk):
        return self.open_at

    def sync_cache(self):
        return self.disks()

    def fenced_nodes(self):
        return set()

    def rows(self, _owner):
        return {}

    def remove_image(self, _store, tenant, name, _steps):
        self.disks_there = [disk for disk in self.disks_there if (disk.tenant, disk.name) != (tenant, name)]

    def namespace_list(self, _handle):
        return list(self.namespaces)

    def namespace_remove(self, _handle, name):
        self.namespaces.remove(name)

    def trash_list(self, _handle):
        return []


@pytest.fixture
def memory(monkeypatch):
    memory = MemoryCloud()
    monkeypatch.setattr(removal, "rbd", SimpleNamespace(RBD=lambda: memory))
    monkeypatch.setattr(removal.images, "rbd", SimpleNamespace(Error=OSError))
    monkeypatch.setattr(removal.images, "rados", SimpleNamespace(Error=OSError))
    monkeypatch.setattr(removal.images, "read", lambda *_arguments: (GIB, set()))
    monkeypatch.setattr(removal.images, "apply", memory.remove_image)
    return memory


def do(memory, step, tenant="red", remove_disks=True, check=False):
    return STEPS[step](TenantRemoval(memory, memory, tenant, "lab"), remove_disks, check, 0.0)


def test_a_removal_leaves_nothing_and_others_alone(memory):
    assert do(memory, "plan")["secrets"] == ["container_red_db_password"]
    for step in ("stopped", "disconnected", "destroy", "verify", "finish"):
        do(memory, step)
    assert [disk.key for disk in memory.disks_there] == ["blue.db"]
    assert memory.namespaces == ["blue"]
    assert memory.users == ["client.admin", "client.tenant.blue"]
    assert memory.keys == {"honeycomb/site/users": '["client.tenant.blue"]'}
    with pytest.raises(CloudError, match=r"red is no tenant of this cloud.*there are: blue"):
        do(memory, "plan")


def test_check_mode_and_a_refusal_change_nothing(memory):
    before = dict(memory.keys)
    assert do(memory, "plan", check=True)["changes"][0] == "remove container red.db's disk (1 GiB, on no host)"
    assert do(memory, "destroy", check=True)["changes"]
    with pytest.raises(CloudError, match="would be destroyed with all data"):
        do(memory, "plan", remove_disks=False)
    assert memory.keys == before
    assert len(memory.disks_there) == 2


def test_a_disk_that_is_held_or_open_keeps_everything(memory):
    memory.open_at = ["10.0.0.1:0/7"]
    with pytest.raises(CloudError, match=r"is open at 10\.0\.0\.1"):
        do(memory, "destroy")
    with pytest.raises(CloudError, match=r"still has container blue\.db's disk"):
        do(memory, "stopped", tenant="blue")
    with pytest.raises(CloudError, match="expected free"):
        do(memory, "destroy", tenant="blue")
    assert len(memory.disks_there) == 2
    assert memory.users == ["client.admin", "client.tenant.blue", "client.tenant.red"]


def test_a_removal_that_was_interrupted_after_its_disks_goes_on(memory):
    do(memory, "plan")
    do(memory, "destroy")
    resumed = do(memory, "plan", remove_disks=False)
    assert resumed["plan"] == ["nothing is left of it in Ceph and OVN"]
    assert resumed["secrets"] == ["container_red_db_password"], "the journal knows them"
    assert resumed["images"] == ["localhost/db:1"]
    do(memory, "verify")
    assert [step["step"] for step in TenantRemoval(memory, memory, "red", "lab").journal()] == ["plan", "destroy", "verify"]


SWITCH, PORT = Ref("Logical_Switch", "red.apps"), SimpleNamespace(uuid="p1", external_ids={"honeycomb-owner": "kubernetes/pods"})


class Northbound:
    """The northbound database with a network that carries a pod. Its controller acts when somebody waits for it, unless it is ``away``."""

    def __init__(self, away: bool = False):
        self.columns = {"Logical_Switch": ["external_ids", "ports"], "Logical_Switch_Port": ["external_ids"], "Meter": []}
        self.ids, self.ports, self.away, self.refusals = {"honeycomb-tenant": "red", "honeycomb-pods": "{}"}, [PORT], away, 1

    def rows(self, _owner):
        return {SWITCH: {"external_ids": dict(self.ids), "ports": [Foreign(port.uuid) for port in self.ports]}}

    def table(self, name):
        return self.ports if name == "Logical_Switch_Port" else []

    def apply(self, changes):
        self.refusals -= 1
        if self.refusals >= 0:
            return False  # the database changed meanwhile
        self.ids = changes[0].after["external_ids"]
        return True

    def wait(self, done, what):
        if "honeycomb-pods" not in self.ids and not self.away:
            self.ports = []
        if not done():
            raise CloudError(f"Waited for {what}")


def test_ports_of_pods_hinder_no_plan_and_go_behind_the_last_pod():
    northbound = Northbound()
    leaving = TenantRemoval(MemoryCloud(), northbound, "red", "lab")
    assert leaving._rows() == ["Logical_Switch red.apps"]
    assert leaving.withdraw_pods() == ["let Logical_Switch red.apps carry no pods"]
    assert (northbound.ids, northbound.ports) == ({"honeycomb-tenant": "red"}, [])
    assert leaving.withdraw_pods() == []


def test_rows_of_others_hinder_the_plan_and_a_controller_that_is_away_is_named():
    northbound = Northbound(away=True)
    leaving = TenantRemoval(MemoryCloud(), northbound, "red", "lab")
    with pytest.raises(CloudError, match="the controller of pods to leave the networks of tenant red"):
        leaving.withdraw_pods()
    northbound.ports = [SimpleNamespace(uuid="p2", external_ids={"neutron:port": "x"})]
    with pytest.raises(CloudError, match="not ours"):
        leaving._rows()
