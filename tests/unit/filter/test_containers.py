from __future__ import annotations

import importlib

filters = importlib.import_module("ansible_collections.honeycomb.cloud.plugins.filter.containers").FilterModule().filters()

TENANT = {
    "name": "red",
    "networks": [{"name": "back", "subnets": ["10.0.1.0/24"]}],
    "containers": [
        {
            "name": "my-db",
            "image": "db:1",
            "network": "back",
            "addresses": ["10.0.1.9"],
            "secrets": ["key"],
            "zone": "b",
            "node": "",
            "memory_mb": 9,
        }
    ],
}
CONTROLLER = {"method": "redfish", "address": "192.0.2.1"}
HOSTVARS = {
    "node1": {
        "cloud_address": "10.0.0.1",
        "cloud_storage_address": "10.1.0.1",
        "cloud_fencing": {"method": "redfish", "address": "192.0.2.1"},
    },
    "node2": {"cloud_address": "10.0.0.2", "cloud_storage_address": "10.0.0.2", "cloud_container_memory_mb": "512"},
}


def test_a_placement_request_says_what_decides_and_nothing_that_is_empty():
    assert filters["container_placement_requests"]([TENANT, {"name": "blue"}]) == [
        {"tenant": "red", "name": "my-db", "port": "red.back.my-db", "zone": "b", "memory_mb": 9}
    ]


def test_a_node_is_known_with_zone_capacity_and_every_address_once():
    groups = {"zone_b": ["node2"], "zone_a": ["node1"], "container_host": ["node1", "node2"]}
    first, second = filters["container_nodes"](["node1", "node2"], groups, HOSTVARS)
    assert first == {"name": "node1", "zone": "a", "fenced_by_power": True, "memory_mb": 0, "addresses": ["10.0.0.1", "10.1.0.1"]}
    assert second == {"name": "node2", "zone": "b", "fenced_by_power": False, "memory_mb": 512, "addresses": ["10.0.0.2"]}


def test_only_nodes_with_a_controller_have_their_power_cut_through_it():
    hostvars = HOSTVARS | {"node3": {"cloud_fencing": {"method": "lab"}}}
    assert filters["container_fencing"](["node1", "node2", "node3"], hostvars) == [
        {"name": "node1", "method": "redfish", "address": "192.0.2.1"}
    ]


def test_public_addresses_of_two_containers_have_two_names():
    def named(tenant, name):
        one = {"name": name, "network": "back", "addresses": ["10.0.1.9"], "public": {"addresses": ["203.0.113.9"]}}
        (entry,) = filters["container_public_addresses"]([{"name": tenant, "networks": [], "containers": [one]}])
        return entry["name"]

    pairs = [("a-b", "c"), ("a", "b-c"), ("a", "b"), ("a-b", "c-d"), ("a", "b-c-d"), ("a-b-c", "d")]
    assert len({named(*pair) for pair in pairs}) == len(pairs)
    assert named("blue", "db") == "blue-db", "a host that has it must not take it for another"


def test_a_container_has_its_secrets_and_its_archive():
    (secret,) = filters["container_secrets"]([TENANT])
    assert secret["name"] == "container_red_my_db_key"
    (found,) = filters["container_specs"]([TENANT], {secret["name"]: "hidden"}, archives={"db:1": "/srv/db.tar"})
    assert (found["key"], found["secrets"]) == ("red.my-db", {"key": "hidden"})
    assert found["archive"] == filters["container_archive"]("/srv/db.tar")


def test_two_archives_of_one_name_are_two_files_on_a_host():
    archive = filters["container_archive"]
    assert archive("/x/image.tar") != archive("/y/image.tar")
    assert archive("/x/image.tar") == archive("/x//image.tar"), "one file has one path"
    assert archive("/x/image.tar").startswith("/var/lib/honeycomb/images/image-")
    assert archive("/x/image.tar").endswith(".tar")


def test_a_report_counts_from_the_beginning_and_reads_in_order():
    hostvars = {"node1": {"failure_recovered": {"ids": {"red.db": "1f"}, "times": {"red.db": {"serving": 104.5, "disk": 103.0}}}}}
    containers = filters["container_report"]({"red.db": "node1"}, hostvars, "100")
    assert containers == {"red.db": {"node": "node1", "id": "1f", "serving": 4.5, "disk": 3.0}}
    report = {"failed": ["node2"], "fenced": 1, "reassigned": 2.5, "containers": containers}
    assert filters["container_timeline"](report) == [
        "   1.0  node2 fenced, and read back",
        "   2.5  disks and ports reassigned to other nodes",
        "   3.0  red.db has its disk on node1",
        "   4.5  red.db serves on node1",
    ]


def test_a_key_is_a_tenant_and_a_name():
    assert filters["container_names"](["red.db"]) == [{"tenant": "red", "name": "db"}]


def test_a_host_that_carries_pods_alone_gets_no_containers():
    groups = {"zone_a": ["node1", "node2"], "container_host": ["node1"], "kube_node": ["node1", "node2"]}
    found = filters["failover_nodes"](groups, HOSTVARS)
    assert [(one["name"], one["containers"], bool(one["addresses"])) for one in found] == [("node1", True, True), ("node2", False, True)]
    assert filters["failover_nodes"]({"kube_node": ["node1"]}, HOSTVARS)[0]["containers"] is False, "a cloud without containers"


def test_what_became_of_pods_is_in_the_report_and_its_timeline():
    job = {
        "changes": ["take node2 out of service"],
        "serving": {"red/db-0": {"node": "node3", "at": 107.25}},
        "waiting": {"red/db-1": "Insufficient memory"},
        "stay": ["Pod kube-system/agent"],
        "times": {"removed": 102.5},
    }
    pods = filters["pod_report"](job, "100")
    assert (pods["removed"], pods["serving"], pods["problem"]) == (2.5, {"red/db-0": {"node": "node3", "serving": 7.25}}, "")
    assert filters["container_timeline"]({"failed": ["node2"], "fenced": 1, "reassigned": 3, "containers": {}, "pods": pods})[2:] == [
        "   2.5  pods removed from node2",
        "   7.2  pod red/db-0 serves on node3",
        "     -  Pod kube-system/agent stays where it was, it tolerates that",
        "     ?  pod red/db-1 does not serve: Insufficient memory",
    ]


def test_an_api_that_does_not_answer_is_said_and_a_cloud_without_pods_says_nothing():
    failed = filters["pod_report"]({"msg": "Could not discover the API", "failed": True}, "100")
    assert failed["problem"] == "Could not discover the API"
    line = filters["container_timeline"]({"failed": ["node2"], "fenced": 1, "reassigned": 3, "containers": {}, "pods": failed})[-1]
    assert line == "     ?  pods: Could not discover the API"
    for nothing in ({"skipped": True, "changed": False}, {"changes": [], "serving": {}, "times": {"removed": 101}}):
        pods = filters["pod_report"](nothing, "100")
        assert (pods["problem"], pods["removed"], pods["waiting"]) == ("", None, {})
