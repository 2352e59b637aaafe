# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator would look at on the control hosts: units, who they run as, what they can write, what listens, keys, the audit log."""

from __future__ import annotations

import json

import pytest

SHARDS = ("main", "pods", "nodes", "events")
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
UNITS = {f"etcd@{shard}": "etcd" for shard in SHARDS} | {unit: unit for unit in KUBERNETES}


def main_process(host, unit: str) -> int:
    return int(host.check_output("systemctl show --value --property=MainPID %s", unit))


@pytest.mark.group("kube_control")
@pytest.mark.parametrize("unit", UNITS)
def test_services_run_as_users_of_their_own_and_start_at_boot(host, unit):
    assert host.service(unit).is_running, host.check_output("journalctl --no-pager --lines=30 --unit=%s", unit)
    assert host.service(unit).is_enabled
    assert host.check_output("stat --format=%%U /proc/%s", str(main_process(host, unit))) == UNITS[unit]


@pytest.mark.group("kube_control")
@pytest.mark.parametrize("unit", UNITS)
def test_services_can_write_nothing_but_what_is_theirs(host, unit):
    pid = str(main_process(host, unit))
    # As root, in the service's view of the files: not a matter of permissions, the file system is read-only there.
    for place in ("/etc", "/usr", "/var/lib", "/opt/honeycomb"):
        refused = host.run("nsenter --target %s --mount touch %s/honeycomb-test", pid, place)
        assert "Read-only file system" in refused.stderr, place
    assert host.check_output("grep CapEff /proc/%s/status", pid).split()[1] == "0" * 16
    assert host.check_output("grep NoNewPrivs /proc/%s/status", pid).split()[1] == "1"
    assert host.check_output("grep Seccomp: /proc/%s/status", pid).split()[1] == "2", "a system call filter is in force"


@pytest.mark.group("kube_control")
def test_nothing_listens_where_it_need_not(host):
    own = host.check_output("echo $SSH_CONNECTION").split()[2]
    vip = {address for process in ("haproxy",) for address in listening(host, process)}
    assert len({address.rpartition(":")[0] for address in vip - {"127.0.0.1:8404"}}) == 1, "HAProxy serves the virtual address alone"
    for process, ports in {
        "etcd": {2379, 2380, 12379, 12380, 22379, 22380, 32379, 32380},
        "kube-apiserver": {6443},
        "kube-controller": set(),
        "kube-scheduler": set(),
    }.items():
        outside = {address for address in listening(host, process) if not address.startswith("127.0.0.1:")}
        assert outside == {f"{own}:{port}" for port in ports}, process
    anywhere = {line for line in listening(host, "") if line.startswith(("0.0.0.0:", "*:", "[::]:"))}
    assert {address.rpartition(":")[2] for address in anywhere} <= {"22"}, "only sshd listens on every address"


def listening(host, process: str) -> set[str]:
    """Local addresses on which processes of that name listen, as ss writes them."""
    lines = host.check_output("ss --no-header --listening --tcp --numeric --processes").splitlines()
    return {line.split()[3] for line in lines if f'"{process}' in line or not process}


@pytest.mark.group("kube_control")
def test_private_keys_belong_to_root_alone(host):
    keys = host.check_output("find /etc/honeycomb/pki /etc/kubernetes/secrets -name '*.key' -o -name 'encryption.yml'").splitlines()
    assert len(keys) >= 8
    for path in keys:
        found = host.file(path)
        assert (found.user, found.group, oct(found.mode)) == ("root", "root", "0o600"), path
    for user in set(UNITS.values()):
        assert host.run("setpriv --reuid=%s --clear-groups cat %s", user, keys[0]).rc != 0, user
    # The CAs' keys never leave the deployment host.
    assert host.check_output("find /etc/honeycomb/pki/ca -name '*.key'") == ""


@pytest.mark.group("kube_control")
@pytest.mark.parametrize("name", ["etcd", "kube-apiserver"])
def test_certificates_name_the_host_and_its_address(host, name):
    address = host.check_output("echo $SSH_CONNECTION").split()[2]
    text = host.check_output("openssl x509 -noout -ext subjectAltName -in /etc/honeycomb/pki/%s.crt", name)
    assert f"DNS:{host.check_output('hostname')}" in text
    assert f"IP Address:{address}" in text
    ca = "etcd" if name == "etcd" else "kubernetes"
    assert host.run("openssl verify -CAfile /etc/honeycomb/pki/ca/%s.crt /etc/honeycomb/pki/%s.crt", ca, name).rc == 0


@pytest.mark.group("kube_control")
@pytest.mark.unit("kube-apiserver")
def test_requests_are_audited_without_bodies_of_secrets(host):
    log = host.file("/var/log/kube-apiserver/audit.log")
    assert (log.user, oct(log.mode)) == ("kube-apiserver", "0o600")
    events = [json.loads(line) for line in host.check_output("tail --lines=500 %s", log.path).splitlines()]
    assert events
    secret = [event for event in events if event.get("objectRef", {}).get("resource") == "secrets"]
    assert all("requestObject" not in event and "responseObject" not in event for event in secret)


@pytest.mark.group("etcd")
@pytest.mark.parametrize("shard", SHARDS)
def test_every_shard_has_three_voting_members_and_compacts(host, shard):
    environment = host.check_output("cat /etc/etcd/%s.env", shard)
    port = environment.split("ETCD_LISTEN_CLIENT_URLS=")[1].split()[0].rpartition(":")[2]
    own = host.check_output("echo $SSH_CONNECTION").split()[2]
    command = (
        f"etcdctl --endpoints=https://{own}:{port} --cacert=/etc/honeycomb/pki/ca/etcd.crt --cert=/etc/honeycomb/pki/etcd.crt"
        " --key=/etc/honeycomb/pki/etcd.key --write-out=json member list"
    )
    members = json.loads(host.check_output(command))["members"]
    assert len(members) == 3
    assert not any(member.get("isLearner") for member in members)
    assert "ETCD_AUTO_COMPACTION_RETENTION=1h" in environment
