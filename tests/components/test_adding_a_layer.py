# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The layer that docs/adding-a-layer.md builds, in a copy of the checkout whose other files stay as they are, run on the lab."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PAGE = "docs/adding-a-layer.md"
# A file of the page: its first line names it.
FILE = re.compile(r"^```(?:yaml|ini)\n# ([\w./-]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LEFT_OUT = [f"--exclude={name}" for name in (".git", ".venv", ".cache", ".ansible", "__pycache__")]
LAYERS = (
    "validate",
    "preflight",
    "layers/hosts",
    "layers/pki",
    "layers/load_balancer",
    "layers/echo",
    "verification/components",
    "summary",
)


@pytest.fixture(scope="module")
def files(cloud):
    """The files of the page, by their path in the checkout."""
    found = dict(FILE.findall((cloud.REPOSITORY / PAGE).read_text()))
    assert len(found) == 8
    return found


@pytest.fixture(scope="module")
def checkout(cloud, files, tmp_path_factory):
    """A copy of the checkout with the files of the page."""
    copy = tmp_path_factory.mktemp("layer") / "checkout"
    copy.mkdir()
    # By tar, because files that this process reads count as what the test rests on.
    packed = subprocess.run(["tar", "--create", *LEFT_OUT, "--directory", cloud.REPOSITORY, "."], capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--directory", copy], input=packed, check=True)
    for name, text in files.items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + text)
    return copy


def playbooks(*names: str) -> list[str]:
    return [f"playbooks/{name}.yml" for name in names]


@pytest.fixture(scope="module")
def run(cloud, checkout, hosts):
    """One run of the layers that the new one passes through; afterwards the lab is as it was."""
    yield cloud.playbook(*playbooks(*LAYERS), checkout=checkout)
    for host in ("control1", "control2", "control3"):
        hosts.ask(host, "systemctl disable --quiet --now echo; rm /etc/systemd/system/echo.service; systemctl daemon-reload")
        hosts.ask(host, "rm -f /etc/honeycomb/pki/echo.* /etc/honeycomb/pki/ca/echo.crt")
    back = cloud.playbook(*playbooks("preflight", "layers/hosts", "layers/load_balancer", "state"))
    assert back.code == 0, back.output


def test_the_layer_is_rolled_out_and_proves_itself_through_the_virtual_address(run):
    assert run.code == 0, run.output
    assert "Be answered through the virtual address" in run.output


def test_a_second_run_changes_nothing(cloud, checkout, run):
    again = cloud.playbook(*playbooks(*LAYERS), checkout=checkout)
    assert again.code == 0, again.output
    assert sum(again.changed.values()) == 0, again.output


def test_the_firewall_admits_the_load_balancers_and_on_them_the_services_clients(hosts, run):
    rules = hosts.ask("control1", "nft list chain inet honeycomb input")
    (server,) = (line for line in rules.splitlines() if "dport 7007" in line)
    (service,) = (line for line in rules.splitlines() if "dport 7777" in line)
    assert re.search(r"ip saddr .* tcp dport 7007 accept comment \"echo\"", server)
    assert re.search(r"ip saddr .* tcp dport 7777 accept comment \"echo\"", service)


def test_hosts_have_a_certificate_of_a_ca_of_its_own(hosts, run):
    assert "CN=echo" in hosts.ask("control2", "openssl x509 -in /etc/honeycomb/pki/echo.crt -noout -subject -nameopt RFC2253")
    hosts.ask("control2", "openssl verify -CAfile /etc/honeycomb/pki/ca/echo.crt /etc/honeycomb/pki/echo.crt")


def test_the_load_balancer_has_all_backends_up(hosts, run):
    states = hosts.ask("control3", "echo show stat | socat - /run/haproxy/admin.sock | grep ^echo,control | cut -d, -f18")
    assert states.split() == ["UP", "UP", "UP"]


def test_the_closing_table_names_it(run):
    assert re.search(r"Echo\s+\S+ port 7777\s+control1, control2, control3", run.output)


def test_an_inventory_without_its_group_is_refused(cloud, checkout, run):
    services = checkout / "inventories/lab/services.yml"
    whole = services.read_text()
    services.write_text(f"{whole}skip: [echo]\n")
    refused = cloud.playbook(*playbooks("validate"), checkout=checkout)
    services.write_text(whole)
    assert refused.code != 0
    assert "group echo: expected at least one host, found no such group" in refused.output


def test_the_layer_has_its_line_in_site_yml(checkout):
    assert Path(checkout, "playbooks/site.yml").read_text().rstrip().endswith("import_playbook: layers/echo.yml")
