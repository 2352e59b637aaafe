# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster as it stands: where replicas are, what listens, who may do what."""

from __future__ import annotations

import json

import pytest
import yaml
from cloud_under_test import module
from conftest import cloud, role

NEGATIVE = """
import json, rados
from concurrent.futures import ThreadPoolExecutor
name, key, pool, namespace = @ARGUMENTS@
c = rados.Rados(name=name, conffile="/etc/ceph/ceph.conf", conf={"key": key, "rados_osd_op_timeout": "10"})
c.connect(timeout=20)
def command(prefix, **arguments):
    return c.mon_command(json.dumps({"prefix": prefix, "format": "json", **arguments}), b"")[0]
def write(pool, namespace):
    try:
        io = c.open_ioctx(pool)
    except rados.Error as error:
        return -error.errno
    io.set_namespace(namespace)
    try:
        io.write_full("probe", b"x"); io.remove_object("probe")
    except rados.Error as error:
        return -error.errno
    return 0
# At the same time: an OSD that gives no answer is waited for.
PLACES = {
    "write into its own": (pool, namespace),
    "write into S3's data": ("default.rgw.buckets.data", ""),
    "write into another tenant's": (pool, "blue"),
}
print(json.dumps({
    "make a pool": command("osd pool create", pool="intruder", pg_num=1),
    "read keys": command("auth ls"),
    "give itself rights": command("auth caps", entity=name, caps=["mon", "allow *"]),
    "set an option": command("config set", who="global", name="debug_ms", value="0"),
    "mark an OSD out": command("osd out", ids=["0"]),
    **dict(zip(PLACES, ThreadPoolExecutor().map(lambda place: write(*place), PLACES.values()))),
}))
"""
# Refused by the monitors, refused by an OSD, and no ticket for OSDs at all, which then give no answer.
REFUSED = {-1, -13, -110}


def attempt(hosts, user: str, key: str, namespace: str) -> dict[str, int]:
    """What a user gets for each try, 0 where it may. The key travels by standard input, where no process list shows it."""
    script = NEGATIVE.replace("@ARGUMENTS@", repr((user, key, "disks", namespace)))
    return json.loads(hosts.ask("node1", "python3 -", script))


def test_every_replica_is_in_another_zone(hosts, groups):
    # Zones are the inventory's and not CRUSH's: a wrong map must not prove itself right.
    zone = {host: group for group, members in groups.items() if group.startswith("zone_") for host in members}
    home = {osd["id"]: osd["hostname"] for osd in hosts.ceph("osd metadata")}
    sizes = {pool["pool_id"]: pool["size"] for pool in hosts.ceph("osd pool ls detail")}
    placements = hosts.ceph("pg dump pgs_brief")["pg_stats"]
    assert len(placements) > 100
    for group in placements:
        zones = {zone[home[osd]] for osd in group["acting"]}
        assert len(zones) == len(group["acting"]) == sizes[int(group["pgid"].split(".")[0])] == 3, group


def test_health_is_ok_and_nobody_muted_anything(hosts):
    health = hosts.ceph("health detail")
    assert (health["status"], health["checks"], health["mutes"]) == ("HEALTH_OK", {}, [])


@pytest.mark.parametrize("host", ["control1", "node1"])
def test_daemons_listen_on_the_hosts_own_address_alone(hosts, host):
    addresses = [line.split()[3] for line in hosts.ask(host, "ss -Htlnp | grep -E 'ceph|radosgw|notif'").splitlines()]
    own = hosts.ask(host, "ip -o -4 address show dev mgmt0").split()[3].split("/")[0]
    assert addresses
    assert all(address.rpartition(":")[0] == own for address in addresses), addresses


def test_a_connection_without_encryption_is_refused(hosts):
    plain = "timeout 20 ceph --ms-mon-client-mode crc --ms-client-mode crc --connect-timeout 8 status"
    assert hosts.run("control1", plain).returncode != 0
    assert hosts.run("control1", plain.replace("crc", "secure")).returncode == 0


def test_a_hosts_key_can_do_its_work_and_no_more(hosts, secrets):
    answers = attempt(hosts, "client.node1", secrets["ceph_client_node1"], "")
    assert answers.pop("write into its own") == 0
    assert answers.pop("write into another tenant's") == 0  # a host carries the disks of all tenants
    assert set(answers.values()) <= REFUSED, answers


def test_the_key_that_makes_osds_cannot_touch_data(hosts, secrets):
    answers = attempt(hosts, "client.osd.node1", secrets["ceph_client_osd_node1"], "")
    assert set(answers.values()) <= REFUSED, answers


def users(hosts) -> set[str]:
    return {entry["entity"] for entry in hosts.ceph("auth ls")["auth_dump"]}


def test_a_tenants_key_ends_at_its_namespace_and_goes_with_the_tenant(hosts):
    declared = [{"name": tenant["name"]} for tenant in cloud.templated("tenants")]
    made = role("ceph_cluster", "ceph_mon[0]", "-e", json.dumps({"tenants": [*declared, {"name": "acme"}]}))
    try:
        assert made.code == 0, made.output
        answers = attempt(hosts, "client.tenant.acme", hosts.ask("control1", "ceph auth print-key client.tenant.acme"), "acme")
        assert answers.pop("write into its own") == 0
        assert set(answers.values()) <= REFUSED, answers
    finally:
        gone = role("ceph_cluster", "ceph_mon[0]")
    assert gone.code == 0, gone.output
    assert users(hosts) >= {f"client.tenant.{tenant['name']}" for tenant in declared}
    assert "client.tenant.acme" not in users(hosts)


def test_wrong_capabilities_are_refused_and_leave_nothing(hosts):
    user = {"name": "client.nonsense", "caps": {"mon": "allow everything please"}}
    result = module("control1", "ceph_user", {"users": [user], "owner": "tests"})
    assert "invalid" in result["msg"].lower() or "EINVAL" in result["msg"], result
    assert "client.nonsense" not in users(hosts)


def test_an_unknown_option_is_refused(hosts):
    option = {"who": "osd", "name": "osd_memory_targett", "value": "1G"}
    assert "knows none" in module("control1", "ceph_config", {"options": [option], "owner": "tests"})["msg"]


def test_options_have_their_effect_in_the_daemons(hosts):
    for osd in hosts.ceph("osd ls"):
        shown = {option["name"]: option["value"] for option in hosts.ceph(f"config show osd.{osd}")}
        assert shown["osd_memory_target"] == "939524096"
        assert shown["auth_allow_insecure_global_id_reclaim"] == "false"


def test_no_key_is_readable_by_others(hosts):
    for host in ("control1", "node1"):
        found = hosts.ask(host, "find /etc/ceph /var/lib/ceph -name '*keyring*' -type f -perm /077")
        assert found == ""


LISTS = {
    "ceph_pool": ("pools", {"name": "probe", "application": "rbd", "rule": "zones", "pg_num": 1}, {"quota_objects": 1000}),
    "ceph_user": ("users", {"name": "client.probe", "caps": {"mon": "allow r"}}, {"caps": {"mon": "profile rbd"}}),
    "ceph_config": ("options", {"who": "osd", "name": "osd_max_scrubs", "value": "2"}, {"value": "3"}),
    "ceph_crush_rule": ("rules", {"name": "probe", "failure_domain": "host"}, {"failure_domain": "rack"}),
}
# What is declared, whether in check mode, and whether that changes something.
STEPS = {
    "create foreseen": (1, True, True),
    "create": (1, False, True),
    "create again": (1, False, False),
    "change foreseen": (2, True, True),
    "change": (2, False, True),
    "change again": (2, True, False),
    "prune foreseen": (0, True, True),
    "prune": (0, False, True),
    "prune again": (0, False, False),
}


@pytest.fixture(scope="module")
def steps(hosts, tmp_path_factory):
    """Results of every step of every list module, by module and step, all in one run of Ansible."""
    path = tmp_path_factory.mktemp("lists")
    tasks = []
    for name, (option, item, change) in LISTS.items():
        for step, (content, check, _) in STEPS.items():
            wanted = [[], [item], [item | change]][content]
            call = {option: wanted, "owner": "tests", "prune": True}
            tasks.append({f"honeycomb.cloud.{name}": call, "check_mode": check, "register": f"{name} {step}".replace(" ", "_")})
    names = [task["register"] for task in tasks]
    results = "{{ dict(" + repr(names) + " | zip(" + repr(names) + " | map('extract', vars))) | to_json }}"
    tasks.append({"ansible.builtin.copy": {"dest": f"{path}/results.json", "content": results}, "delegate_to": "localhost"})
    (path / "lists.yml").write_text(yaml.safe_dump([{"hosts": "control1", "gather_facts": False, "tasks": tasks}]))
    run = cloud.playbook(str(path / "lists.yml"))
    assert run.code == 0, run.output
    return json.loads((path / "results.json").read_text())


@pytest.mark.parametrize("name", LISTS)
def test_a_list_module_changes_what_differs_and_check_mode_tells_the_truth(steps, name):
    seen = {step: steps[f"{name} {step}".replace(" ", "_")] for step in STEPS}
    assert {step: result["changed"] for step, result in seen.items()} == {step: expected for step, (_, _, expected) in STEPS.items()}
    for verb in ("create", "change", "prune"):
        assert seen[f"{verb} foreseen"]["changes"] == seen[verb]["changes"]


def test_a_pool_with_objects_is_not_removed(hosts):
    pool = {"name": "probe", "application": "rgw", "rule": "zones", "pg_num": 1}
    call = {"owner": "tests", "prune": True}
    module("control1", "ceph_pool", {"pools": [pool], **call})
    hosts.ask("control1", "rados --pool probe put object /etc/hostname")
    try:
        assert "has objects, such as object" in module("control1", "ceph_pool", {"pools": [], **call})["msg"]
        assert "probe" in hosts.ceph("osd pool ls")
    finally:
        hosts.ask("control1", "rados --pool probe rm object")
        module("control1", "ceph_pool", {"pools": [], **call})
    assert "probe" not in hosts.ceph("osd pool ls")
