from __future__ import annotations

import json

from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration, spec
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits

DATABASE = {
    "key": "red.db",
    "tenant": "red",
    "name": "db",
    "hostname": "db",
    "image": "localhost/postgresql:17",
    "netns": "red.back.db",
    "command": [],
    "env": {"A": "b c"},
    "volumes": {"data": "/var/lib/postgresql"},
    "user": "100:102",
    "capabilities": [],
    "read_only": True,
    "memory_mb": 256,
    "cpus": 1.5,
    "secrets": {"password": "hidden"},
    "archive": "/srv/a.tar",
}
TENANT = {
    "name": "red",
    "networks": [{"name": "back", "subnets": ["10.0.1.0/24"], "ports": [{"name": "web", "addresses": ["10.0.1.9"]}]}],
    "routers": [{"name": "main", "networks": ["back"]}],
    "containers": [
        {"name": "db", "image": "i", "network": "back", "addresses": ["10.0.1.21"], "disk_gb": 1, "node": "node1", "secrets": ["password"]}
    ],
}


def test_a_container_is_locked_up_by_default():
    command = spec.create(DATABASE, enforced=True)
    for expected in ("--cap-drop=all", "--read-only", "--security-opt=no-new-privileges", "--memory=256m", "--cpus=1.5", "--env=A=b c"):
        assert expected in command
    assert command[-1] == "localhost/postgresql:17"


def test_limits_that_nobody_enforces_are_not_asked_for():
    assert not [word for word in spec.create(DATABASE, enforced=False) if word.startswith(("--memory", "--cpus"))]


def test_no_secret_is_on_a_command_line_or_in_the_metadata():
    assert "hidden" not in json.dumps(spec.create(DATABASE, True))
    assert "hidden" not in json.dumps(spec.stored(DATABASE))
    assert spec.stored(DATABASE)["secrets"] == ["password"]


def test_where_an_archive_lies_is_no_part_of_the_container():
    assert "archive" not in spec.stored(DATABASE)
    assert spec.identity(DATABASE) == spec.identity(DATABASE | {"archive": "/other", "secrets": {}})
    assert spec.identity(DATABASE) != spec.identity(DATABASE | {"env": {}})


def test_a_containers_port_names_no_host():
    tenant = declaration.with_ports([TENANT])[0]
    assert "containers" not in tenant
    assert tenant["networks"][0]["ports"][1] == {"name": "db", "addresses": ["10.0.1.21"]}


def test_a_declared_container_becomes_what_the_module_takes():
    found = declaration.specs([TENANT], Limits())[0]
    assert found["port"]["name"] == "red.back.db"
    assert found["port"]["addresses"] == ["10.0.1.21/24"]
    assert found["port"]["gateways"] == ["10.0.1.1"]
    assert not {"node", "network", "addresses", "secrets"} & set(found)
