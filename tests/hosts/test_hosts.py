# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator would look at on any host: time, ssh, journal, limits, firewall."""

from __future__ import annotations

import json

import pytest

CLOSED_PORT = 18080  # nobody publishes it


@pytest.mark.unit("chrony")
def test_time_is_kept_and_a_container_leaves_the_clock_alone(host):
    chrony = host.service("chrony")
    assert chrony.is_running
    assert chrony.is_enabled
    container = host.run("systemd-detect-virt --container --quiet").rc == 0
    arguments = host.check_output("ps -o args= -C chronyd").splitlines()[0].split()
    assert ("-x" in arguments) == container


@pytest.mark.unit("ssh")
def test_sshd_takes_keys_only(host):
    settings = dict(line.split(" ", 1) for line in host.check_output("/usr/sbin/sshd -T").splitlines() if " " in line)
    expected = {
        "passwordauthentication": "no",
        "kbdinteractiveauthentication": "no",
        "permitrootlogin": "without-password",
        "permitemptypasswords": "no",
        "x11forwarding": "no",
        "allowagentforwarding": "no",
    }
    assert {name: settings[name] for name in expected} == expected


@pytest.mark.unit("systemd-journald")
def test_journal_has_its_limit(host):
    # journald's own words after its start, not what its configuration says.
    said = host.check_output("journalctl --no-pager --output=cat --identifier=systemd-journald --grep='System Journal' --lines=1")
    assert "max 1G" in said


def test_services_get_the_default_limits(host):
    assert host.check_output("systemctl show --value --property=DefaultLimitNOFILESoft") == "65536"
    assert host.check_output("systemctl show --value --property=LimitNOFILESoft chrony.service") == "65536"


@pytest.mark.parametrize(
    "key", ["net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.all.send_redirects", "net.ipv6.conf.all.accept_redirects"]
)
def test_kernel_settings_are_in_force(host, key):
    assert host.check_output("/usr/sbin/sysctl --values %s", key) == "0"


@pytest.mark.unit("honeycomb-firewall")
def test_firewall_drops_by_default_and_starts_at_boot(host):
    assert host.service("honeycomb-firewall").is_running
    assert host.service("honeycomb-firewall").is_enabled
    listing = json.loads(host.check_output("/usr/sbin/nft --json list chain inet honeycomb input"))
    (chain,) = [entry["chain"] for entry in listing["nftables"] if "chain" in entry]
    assert (chain["hook"], chain["policy"]) == ("input", "drop")


@pytest.fixture
def listener(host):
    """A server on a port that nobody published, reachable as its own host sees it."""
    command = f"systemd-run --quiet --collect --unit=test-listener /usr/bin/python3 -m http.server {CLOSED_PORT}"
    host.run("systemctl stop test-listener.service")
    host.check_output(command)
    answered = host.run(f"for i in $(seq 50); do curl -sf -o /dev/null http://127.0.0.1:{CLOSED_PORT}/ && exit 0; sleep 0.1; done; exit 1")
    assert answered.rc == 0, "the listener did not come up"
    yield CLOSED_PORT
    host.run("systemctl stop test-listener.service")


@pytest.mark.unit("honeycomb-firewall")
def test_unpublished_port_is_out_of_reach_while_ssh_answers(host, neighbour, listener):
    address = host.check_output("echo $SSH_CONNECTION").split()[2]
    reach = f"timeout 1 bash -c '</dev/tcp/{address}/%s'"
    assert neighbour.run(reach % 22).rc == 0
    # 124: the connection attempt was still waiting, as nothing answers what the firewall drops.
    assert neighbour.run(reach % listener).rc == 124
