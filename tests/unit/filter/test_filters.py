# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What templates derive: etcd's endpoints, command lines and kubeconfigs, hardening, rows of the certificate report."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.filter import (
    awx,
    bgp,
    ceph,
    certificate_rows,
    containers,
    etcd,
    host_code,
    iscsi,
    kubernetes,
    ovn,
    ovn_ports,
    ovn_probes,
    provider,
    public_addresses,
    report_lines,
    state,
    systemd,
)

PLUGINS = Path(__file__).resolve().parents[3] / "plugins/filter"
SUBJECTS = [
    *(awx, bgp, ceph, certificate_rows, containers, etcd, iscsi, kubernetes, ovn, ovn_ports, ovn_probes, provider, public_addresses, state),
    *(host_code, report_lines, systemd),
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.__name__.rpartition(".")[2])
def test_every_filter_is_documented(subject):
    for name in subject.FilterModule().filters():
        beside = PLUGINS / f"{name}.yml"
        text = yaml.safe_load(beside.read_text())["DOCUMENTATION"] if beside.exists() else yaml.safe_load(subject.DOCUMENTATION)
        assert text["name"] == name


def test_no_documentation_without_a_filter():
    names = {name for subject in SUBJECTS for name in subject.FilterModule().filters()}
    assert {path.stem for path in PLUGINS.glob("*.yml")} <= names


class TestCeph:
    groups = {"ceph_mon": ["a", "b"], "ceph_osd": ["b", "c"], "ceph_client": ["c"]}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("state", "may"),
        [
            ({"honeycomb_host": {"data": {"ceph_mon": [], "ceph_osd": [], "etcd": ["/var/lib/etcd/x"]}}}, True),
            ({"honeycomb_host": {"data": {}}}, False),
            ({"honeycomb_host": {"data": {"ceph_mon": ["/var/lib/ceph/mon/ceph-a/min_mon_release"]}}}, False),
            ({"honeycomb_host": {"data": {"ceph_osd": ["/var/lib/ceph/osd/ceph-0/whoami"]}}}, False),
            ({"honeycomb_host": {}}, False),
            ({}, False),
        ],
    )
    def test_a_cluster_begins_only_when_every_host_was_asked_and_has_nothing(self, state, may):
        empty = {"honeycomb_host": {"data": {"ceph_mon": [], "ceph_osd": []}}}
        for host in "abc":
            assert ceph.bootstrappable(self.groups, {"a": empty, "b": empty, "c": empty, host: state}) is may
        assert ceph.bootstrappable(self.groups, {"a": empty, "b": empty, "c": empty, "d": {}}), "a host of other groups is not asked"

    def test_names_of_users_and_their_secrets_stay_as_they_are(self):
        users = ceph.base_users(self.groups | {"ceph_rgw": ["a"]}, [{"name": "acme"}])
        assert [name for names in users.values() for name in names] == [
            "mgr.a",
            "mgr.b",
            "client.osd.b",
            "client.osd.c",
            "client.c",
            "client.rgw.a",
            "client.tenant.acme",
        ]
        assert ceph.base_users(self.groups, [])["gateways"] == []
        assert iscsi.secrets([{"name": "disk1"}]) == [{"name": "iscsi_disk1", "kind": "password", "size": 16}]


class TestEtcd:
    shards = {"events": {"client_port": 32379, "resources": ["events"]}, "main": {"client_port": 2379, "resources": []}}  # noqa: RUF012

    def test_default_endpoints_are_those_of_the_shard_without_resources(self):
        endpoints = etcd.FilterModule().filters()["etcd_default_endpoints"]
        assert endpoints(self.shards, ["10.0.0.1", "10.0.0.2"]) == ["https://10.0.0.1:2379", "https://10.0.0.2:2379"]

    def test_a_host_that_was_not_asked_lets_no_shard_start(self):
        bootstrappable = etcd.FilterModule().filters()["etcd_bootstrappable"]
        asked = {"etcd_state": {"shards": {"events": {"data": False}, "main": {"data": True}}}}
        assert bootstrappable(self.shards, ["a", "b"], {"a": asked, "b": asked, "c": {}}) == ["events"]
        assert bootstrappable(self.shards, ["a", "b"], {"a": asked, "b": {}}) == []


class TestKubernetes:
    filters = kubernetes.FilterModule().filters()

    def test_refusal_keeps_its_hint(self):
        with pytest.raises(AnsibleFilterError, match=r"has no flag --port: .*Remove port from the extra arguments"):
            self.filters["kube_arguments"]({}, "kube-scheduler", "1.36.3", {"port": 0})
        with pytest.raises(AnsibleFilterError, match=r"1\.19\.0 is not supported"):
            self.filters["kube_arguments"]({}, "kube-scheduler", "1.19.0")

    def test_kubeconfig_names_files_and_holds_no_secret(self):
        text = self.filters["kubeconfig"](
            "admin", server="https://10.0.0.9:6443", ca="/ca.crt", certificate="/a.crt", key="/a.key", cluster="lab"
        )
        config = yaml.safe_load(text)
        (context,) = config["contexts"]
        assert config["current-context"] == context["name"] == context["context"]["cluster"] == config["clusters"][0]["name"] == "lab"
        assert context["context"]["user"] == config["users"][0]["name"] == "admin"
        assert config["clusters"][0]["cluster"] == {"certificate-authority": "/ca.crt", "server": "https://10.0.0.9:6443"}
        assert config["users"][0]["user"] == {"client-certificate": "/a.crt", "client-key": "/a.key"}


class TestSystemd:
    def lines(self, exceptions):
        return systemd.hardening(exceptions).splitlines()

    def test_service_without_exceptions_has_every_setting(self):
        lines = self.lines({})
        assert {line.partition("=")[0] for line in lines} == set(systemd.HARDENING)
        assert "CapabilityBoundingSet=" in lines
        assert "ProtectSystem=strict" in lines

    def test_groups_that_are_taken_away_have_lines_of_their_own(self):
        calls = [line for line in self.lines({}) if line.startswith("SystemCallFilter=")]
        assert calls == ["SystemCallFilter=@system-service", "SystemCallFilter=~@privileged", "SystemCallFilter=~@resources"]

    def test_exceptions_replace_and_leave_out(self):
        lines = self.lines({"CapabilityBoundingSet": "CAP_NET_ADMIN", "PrivateDevices": None, "SystemCallFilter": None})
        assert "CapabilityBoundingSet=CAP_NET_ADMIN" in lines
        assert "CapabilityBoundingSet=" not in lines
        assert not [line for line in lines if line.startswith(("PrivateDevices", "SystemCallFilter"))]

    def test_misspelt_exception_is_refused(self):
        with pytest.raises(AnsibleFilterError, match="no such setting: ProtectHom;"):
            systemd.hardening({"ProtectHom": "no"})

    @pytest.mark.parametrize(
        ("word", "quoted"),
        [
            ("--secure-port=6443", "--secure-port=6443"),
            ("--x=/pods#https://a:1;https://b:1,/events#https://a:2", "--x=/pods#https://a:1;https://b:1,/events#https://a:2"),
            ("--key=${CREDENTIALS_DIRECTORY}/a.key", "--key=${CREDENTIALS_DIRECTORY}/a.key"),
            ("--oidc-required-claim=team=a b", '"--oidc-required-claim=team=a b"'),
            ("--audit-log-format=x%hy", "--audit-log-format=x%%hy"),
            ("--prefix=$HOME and ${USER}", '"--prefix=$$HOME and $${USER}"'),
            ('--json={"a": "b\\c"}', r'"--json={\"a\": \"b\\c\"}"'),
            ("--a=it's", '"--a=it\'s"'),
            ("--a=b\nExecStartPost=/bin/sh", r'"--a=b\nExecStartPost=/bin/sh"'),
            ("", '""'),
        ],
    )
    def test_a_word_reaches_the_program_as_it_is(self, word, quoted):
        assert systemd.argument(word) == quoted

    def test_a_word_that_no_command_line_can_carry_is_refused(self):
        with pytest.raises(AnsibleFilterError, match="NUL"):
            systemd.argument("a\0b")


class TestCertificateRows:
    def entry(self, name, end, left, **more):
        return {
            "name": name,
            "not_after": end,
            "days_left": left,
            "kind": "service",
            "subject": "CN=a",
            "names": ["a", "b"],
            "notes": [],
            **more,
        }

    def rows(self, hosts, **options):
        return certificate_rows.certificate_rows(hosts, **options)

    def test_soonest_end_first_and_silent_hosts_on_top(self):
        hosts = {
            "b": [self.entry("x", "2027-01-01T00:00:00+00:00", 400)],
            "a": [self.entry("y", "2026-06-01T00:00:00+00:00", 100), self.entry("x", "2027-01-01T00:00:00+00:00", 400)],
            "gone": None,
            "empty": [],
        }
        assert [(row[2], row[3]) for row in self.rows(hosts)] == [("gone", ""), ("a", "y"), ("a", "x"), ("b", "x")]
        assert self.rows(hosts)[0][-1] == "did not answer"
        assert self.rows(hosts)[1] == [100, "2026-06-01", "a", "y", "CN=a", "a b", ""]

    @pytest.mark.parametrize(
        ("left", "kind", "note"),
        [
            (30, "service", ""),
            (29, "service", "under 30 days: run playbooks/layers/pki.yml"),
            (0, "service", "under 30 days: run playbooks/layers/pki.yml"),
            (29, "ca", "under 30 days: replace it"),
            (-1, "service", ""),  # the report itself says that it expired
            (None, "unreadable", ""),
        ],
    )
    def test_what_needs_attention_is_marked(self, left, kind, note):
        (row,) = self.rows({"a": [self.entry("x", "2026-01-01T00:00:00+00:00", left, kind=kind)]})
        assert row[-1] == note
        assert row[3] == ("x (CA)" if kind == "ca" else "x")

    def test_notes_stay_behind_the_mark(self):
        (row,) = self.rows({"a": [self.entry("x", "2026-01-01", 5, notes=["key missing or another one"])]}, renew_days=10)
        assert row[-1] == "under 10 days: run playbooks/layers/pki.yml, key missing or another one"


class TestNetworks:
    tenants = [  # noqa: RUF012
        {
            "name": "red",
            "networks": [
                {
                    "name": "front",
                    "subnets": ["10.0.0.0/24"],
                    "bandwidth": {"up": 10},
                    "ports": [{"name": "web1", "addresses": ["10.0.0.254"], "host": "node1", "netns": True}],
                }
            ],
            "routers": [{"name": "main", "networks": ["front"]}],
        }
    ]

    def test_a_host_plugs_the_ports_that_the_inventory_gives_to_it(self):
        (port,) = ovn_ports.ovn_ports(self.tenants, "node1")
        assert (port["name"], port["addresses"], port["gateways"]) == ("red.front.web1", ["10.0.0.254/24"], ["10.0.0.1"])
        assert (port["mtu"], port["up"]) == (1450, 10)
        assert ovn_ports.ovn_ports(self.tenants, "node2") == []

    def test_probes_take_free_addresses_and_reach_each_other(self):
        filters = ovn_probes.FilterModule().filters()
        probed = filters["ovn_probes"](self.tenants, ["node1", "node2"])
        assert [port["addresses"] for port in probed[0]["networks"][0]["ports"]] == [["10.0.0.254"], ["10.0.0.253"], ["10.0.0.252"]]
        (ping,) = filters["ovn_probe_pings"](probed, "node2")
        assert ping == {"name": "red.front to node1", "address": "10.0.0.253", "netns": "red.front.probe2", "mtu": 1450}
