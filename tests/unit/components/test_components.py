# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What components declare becomes what each host gets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import component_files, component_parts

ROLES = Path(__file__).resolve().parents[3] / "roles"
GROUPS = {"all": ["a", "b", "lb"], "cache": ["a", "b"], "load_balancer": ["lb"], "control": ["a"]}
ADDRESS = {"a": "192.0.2.1", "b": "192.0.2.2", "lb": "192.0.2.3"}
SERVICE = {"name": "cache", "port": 7000, "backend_port": 6379, "from": ["lb"], "check": {"type": "https", "path": "/", "ca": "cache"}}
CACHE = {
    "title": "Cache",
    "documentation": "docs/cache.md",
    "groups": {"cache": {"required": True, "placement": ["control"]}, "cache_reader": None},
    "packages": ["valkey"],
    "certificates": [
        {"name": "cache", "ca": "cache", "usages": ["server"]},
        {"groups": ["load_balancer"], "name": "cache-check", "ca": "cache", "usages": ["client"]},
    ],
    "trust": ["clients"],
    "firewall": [{"port": 6379, "from": ["cache", "192.0.2.128/25", "cache_reader"], "comment": "cache"}],
    "load_balancer": [SERVICE],
    "verify": True,
}


def parsed(**changes: object) -> component_files.Component:
    return component_files.parse("cache", {**CACHE, **changes})


def cloud(**values: dict) -> component_parts.Cloud:
    def variable(host: str, name: str) -> str | None:
        return values.get(host, {}).get(name) or (ADDRESS.get(host) if name == "cloud_address" else None)

    return component_parts.Cloud(GROUPS, variable, frozenset({"cache", "cache_reader"}))


def part(host: str, groups: list[str], **changes: object) -> dict:
    return component_parts.host_part(host, {"cache": parsed(**changes)}, groups, lambda value: value, cloud())


def test_a_host_gets_what_the_components_of_its_groups_declare():
    found = part("a", ["cache", "control"])
    assert found["components"] == found["verify"] == ["cache"]
    assert found["packages"] == ["valkey"]
    assert [certificate["name"] for certificate in found["certificates"]] == ["cache"]
    assert found["trust"] == ["clients"]
    assert found["preflight"] == []


def test_a_host_of_no_group_of_a_component_gets_nothing_of_it():
    assert part("lb", ["other"]) == {key: [] for key in part("lb", [])}


def test_an_entry_that_names_groups_is_for_their_hosts_alone():
    assert part("lb", ["load_balancer"])["certificates"] == [{"name": "cache-check", "ca": "cache", "usages": ["client"]}]


def test_sources_of_a_rule_become_addresses_and_a_group_that_the_inventory_lacks_adds_none():
    whole = cloud()
    component_parts.host_part("a", {"cache": parsed()}, ["cache"], lambda value: value, whole)
    assert whole.sources == {"management": {"cache 192.0.2.128/25 cache_reader": {"ip": "192.0.2.1, 192.0.2.2, 192.0.2.128/25"}}}


def test_a_rule_may_be_about_addresses_of_another_network():
    rules = [{"port": 1, "from": ["cache"], "address": "underlay", "comment": "tunnels"}]
    whole = cloud(a={"cloud_underlay_address": "198.51.100.1"})
    found = component_parts.host_part("a", {"cache": parsed(firewall=rules)}, ["cache"], lambda value: value, whole)
    assert found["firewall"] == rules
    assert whole.sources == {"underlay": {"cache": {"ip": "192.0.2.2, 198.51.100.1"}}}


def test_addresses_of_a_group_are_asked_for_once_however_many_hosts_have_the_rule():
    asked = []

    def variable(host: str, name: str) -> str:
        asked.append((host, name))
        return ADDRESS[host]

    whole = component_parts.Cloud(GROUPS, variable, frozenset({"cache", "cache_reader"}))
    for host in ("a", "b"):
        component_parts.host_part(host, {"cache": parsed()}, ["cache"], lambda value: value, whole)
    assert sorted(asked) == [(host, "cloud_address") for host in ("a", "b", "lb")]


def test_a_source_that_is_nothing_known_is_refused_with_the_rule_and_the_host():
    with pytest.raises(CloudError, match=r"Firewall rule cache of a: 'caches' in from is no group, no host"):
        part("a", ["cache"], firewall=[{"port": 1, "from": ["caches"], "comment": "cache"}])


def test_a_host_without_an_address_is_not_left_out_of_a_rule():
    ghosts = component_parts.Cloud({"cache": ["ghost"]}, lambda host, name: None)
    with pytest.raises(CloudError, match="host ghost has no cloud_address"):
        ghosts.source(["cache"], "management")


def test_an_expression_that_cannot_be_worked_out_names_its_file_section_and_host():
    def render(value: object) -> object:
        raise ValueError("'cache_port' is undefined")

    with pytest.raises(
        CloudError, match=r"roles/cache/meta/component.yml: certificates cannot be worked out for a: 'cache_port' is undefined"
    ):
        component_parts.host_part("a", {"cache": parsed()}, ["cache"], render, cloud())


def test_services_have_their_backends_and_the_files_of_their_checks():
    (service,) = component_parts.services({"cache": parsed()}, lambda component, section, value: value, cloud())
    assert service["backends"] == {"a": "192.0.2.1", "b": "192.0.2.2"}
    assert service["check"]["ca_file"] == "/etc/honeycomb/pki/ca/cache.crt"


def test_a_service_without_hosts_is_not_offered():
    empty = component_parts.Cloud({"all": []}, lambda host, name: None, frozenset({"cache"}))
    assert component_parts.services({"cache": parsed()}, lambda component, section, value: value, empty) == []


def test_a_load_balancer_opens_the_ports_of_the_services_and_trusts_the_cas_of_their_checks():
    offered = component_parts.services({"cache": parsed()}, lambda component, section, value: value, cloud())
    whole = cloud()
    found = component_parts.with_services(part("lb", ["other"]), offered, whole, "lb")
    assert found["firewall"] == [{"port": 7000, "from": ["lb"], "comment": "cache"}]
    assert whole.sources == {"management": {"lb": {"ip": "192.0.2.3"}}}
    assert found["trust"] == ["cache"]


def test_the_cloud_needs_the_cas_of_certificates_that_some_host_gets_and_of_those_that_are_trusted():
    assert component_parts.cas([parsed()], GROUPS) == ["cache", "clients"]
    assert component_parts.cas([parsed()], {"all": [], "load_balancer": ["lb"]}) == ["cache"]
    assert component_parts.cas([parsed()], {"all": []}) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"port": 1}, "unknown key port"),
        ({"title": ""}, "title is missing"),
        ({"packages": "valkey"}, "packages: expected list or an expression, found 'valkey'"),
        ({"load_balancer": "{{ cache_services }}"}, "load_balancer: expected list, found '{{ cache_services }}'"),
        ({"certificates": "{{ cache_certificates }}"}, "certificates: expected list, found '{{ cache_certificates }}'"),
        ({"groups": {"cache": {"needed": True}}}, "groups.cache: unknown key needed"),
        ({"firewall": [{"port": 1, "source": "all", "comment": "x"}]}, "firewall: unknown key source"),
        ({"firewall": [{"port": 1, "comment": "x", "address": "public"}]}, "address is 'public', expected one of management"),
        ({"certificates": [{"name": "cache"}]}, "certificates: ca is missing in cache"),
        (
            {"load_balancer": [{**CACHE["load_balancer"][0], "check": {"type": "ping"}}]},
            "check.type is 'ping', expected one of https, tcp, command",
        ),
        ({"load_balancer": [{**CACHE["load_balancer"][0], "check": {"type": "command"}}]}, "load_balancer cache: check.command is missing"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_refused(changes, problem):
    with pytest.raises(CloudError, match=re.escape(problem)):
        parsed(**changes)


def test_every_component_of_the_collection_is_valid_and_its_documentation_and_entry_points_exist():
    found = component_files.load(ROLES, lambda path: yaml.safe_load(Path(path).read_text()))
    for name, component in found.items():
        assert (ROLES.parent / component.content["documentation"]).exists(), name
        for entry in ("preflight", "verify"):
            assert not component.content.get(entry) or (ROLES / name / f"tasks/{entry}.yml").exists(), f"{name}: {entry}"


def test_every_group_has_one_component_that_says_where_it_is_placed():
    found = component_files.load(ROLES, lambda path: yaml.safe_load(Path(path).read_text()))
    placed = [group for component in found.values() for group, options in component.groups.items() if options]
    assert sorted(placed) == sorted(set(placed))
