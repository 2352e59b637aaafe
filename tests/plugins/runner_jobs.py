# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The execution environment, built as its Containerfile says, and flows started in it as AWX starts them, by ansible-runner.

A container beside the lab's hosts: it has a port in their management network, and of the deployment host nothing but what AWX would hand to
it, that is the inventory, the key for ssh, the password of the state's copies, and the folder of artifacts.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import proven
import yaml
from cloud_under_test import INVENTORY, LAB_STATE, REPOSITORY, spent, templated
from containerfile import Image, Layers, inside
from elsewhere import wheels
from scenarios import read, tracked

NAMESPACE = "honeycomb-ee"
LINK = "hc-ee"
NUMBER = 90  # of the address in the management network; no host has it
PYTHON = "3.13"  # Debian 13's
PASSPHRASE = "a passphrase of the operators"  # noqa: S105 made up
FLOWS = yaml.safe_load((REPOSITORY / "meta/flow_arguments.yml").read_text())["flow_arguments"]
ARGUMENTS_OF = "arguments of "
# What a person types into the required questions of surveys, all of it text. It is only checked: no flow is started with it.
TYPED: dict[str, dict[str, str]] = {
    "day2/bgp_password/rotate": {"uplink": "line1"},
    "day2/ca/rotate": {"ca": "etcd,ovn"},
    "day2/ceph_key/rotate": {"ceph_key": "node1,client.admin"},
    "day2/ceph_mon/remove": {"ceph_monitor": "control3"},
    "day2/ceph_osd/remove": {"osd": "2"},
    "day2/ceph_osd/replace": {"osd": "2"},
    "day2/container/move": {"container": "red.db", "to": "node3"},
    "day2/container/remove": {"container": "red.db"},
    "day2/etcd/member": {"etcd_action": "replace", "etcd_member": "control2"},
    "day2/host/remove": {"removed_host": "node9"},
    "day2/kubernetes_key/rotate": {"kubernetes_key": "encryption,service-account"},
    "day2/kubernetes_node/drain": {"kubernetes_node": "node2,node3"},
    "day2/kubernetes_node/remove": {"kubernetes_node": "node3"},
    "day2/kubernetes_node/uncordon": {"kubernetes_node": "node2"},
    "day2/network/trace": {"trace_from": "red.front.client", "trace_to": "red.front.web1"},
    "day2/node/failure": {"failed_node": "node2,node3"},
    "day2/node/rejoin": {"rejoined_node": "node2"},
    "day2/node/verify": {"failed_node": "node2"},
    "day2/tenant/remove": {"tenant": "blue"},
}


def command(*arguments: str) -> str:
    """Runs a command of this machine that must succeed; returns what it printed."""
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Lab:
    """What of the lab under test concerns a container: the cache on this machine, and the network by which it reaches the hosts."""

    name: str
    cache: Path
    proxy: str
    interface: str
    network: ipaddress.IPv4Network

    @classmethod
    def read(cls) -> Lab:
        name, cache, proxy, network = templated("[lab_name, lab_cache_dir, cloud_apt_proxy, lab_networks.management]")
        return cls(name, Path(cache), str(proxy), network["interface"], ipaddress.IPv4Network(network["cidr"]))


def required(context: Path) -> str:
    """What the steps of a build context install by pip, as a requirements file."""
    containerfile = (context / "Containerfile").read_text()
    (core,) = re.findall(r'^ARG ANSIBLE_INSTALL_REFS="(.*)"$', containerfile, re.MULTILINE)
    words = " ".join(re.findall(r"pip install --no-cache-dir (.*)$", containerfile, re.MULTILINE))
    lines = words.replace("$ANSIBLE_INSTALL_REFS", core).replace("'", "").split()
    return "\n".join([*lines, (context / "_build/requirements.txt").read_text(), (REPOSITORY / "meta/requirements.txt").read_text()])


def build(lab: Lab, store: Path, context: Path) -> Image:
    """Builds the image. The lab's own root file system, without what bindep has to bring, stands in for Debian's image."""
    digest = json.loads((LAB_STATE / "hosts/control1/host.json").read_text())["image"]
    debian = Layers(None, [lab.cache / "lab/images" / digest / "root"]).on(store / "debian")
    command(*inside(debian, ["dpkg", "--purge", "openssh-server", "openssh-sftp-server", "openssh-client"], environment={}))
    # A machine without a way to PyPI builds it like that, too: wheels in a folder, packages through a cache.
    outside = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "http_proxy": lab.proxy}
    image = Image(store, debian, {wheels(required(context), PYTHON): "/wheels"}, outside)
    image.build(context)
    return image


@contextmanager
def port(lab: Lab) -> Iterator[Path]:
    """A port in the lab's management network; the path of its network namespace."""
    subprocess.run(["ip", "netns", "delete", NAMESPACE], capture_output=True, check=False)  # of a run that was killed
    command("ip", "netns", "add", NAMESPACE)
    try:
        command("ip", "link", "add", LINK, "type", "veth", "peer", "name", lab.interface, "netns", NAMESPACE)
        command("ip", "link", "set", LINK, "master", f"{lab.name}-{lab.interface}", "up")
        address = f"{lab.network[NUMBER]}/{lab.network.prefixlen}"
        for line in (["address", "add", address, "dev", lab.interface], ["link", "set", lab.interface, "up"], ["link", "set", "lo", "up"]):
            command("ip", "-netns", NAMESPACE, *line)
        yield Path("/run/netns", NAMESPACE)
    finally:
        command("ip", "netns", "delete", NAMESPACE)


@dataclass
class Result:
    """One job: how it ended, and the artifacts that ansible-runner keeps of it."""

    folder: Path

    @cached_property
    def status(self) -> str:
        return (self.folder / "status").read_text().strip()

    @cached_property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @cached_property
    def events(self) -> list[dict]:
        """What happened, in its order."""
        found = [json.loads(path.read_text()) for path in (self.folder / "job_events").glob("*.json")]
        return sorted(found, key=lambda event: event["counter"])

    @cached_property
    def stats(self) -> dict:
        """The counts by host, and what the flow kept by set_stats as ``artifact_data``, which AWX shows as the job's artifacts."""
        (stats,) = (event["event_data"] for event in self.events if event["event"] == "playbook_on_stats")
        return stats

    def changed(self) -> set[tuple[str, str]]:
        """Where something was changed, or would be, and by which task."""
        ended = (event for event in self.events if event["event"] == "runner_on_ok")
        return {(_place(event), event["event_data"]["task"]) for event in ended if event["event_data"]["res"].get("changed")}


def _place(event: Mapping) -> str:
    """The host on which a task did its work, from the line that says so; the data lacks it."""
    delegated = re.search(r"\[\S+ -> ([^\](]+)", event["stdout"])
    return delegated[1] if delegated else event["event_data"]["host"]


def answers(flow: str, **given: str) -> dict[str, str]:
    """What a survey sends: a text for each question, and an empty one for each that was left out."""
    assert set(given) <= set(FLOWS[flow]), flow
    return {name: given.get(name, "") for name in FLOWS[flow]}


def write_inventory(target: Path) -> None:
    """Writes the lab's inventory with what is different in an execution environment."""
    shutil.copytree(INVENTORY, target)  # links become files
    connection = target / "group_vars/lab/connection.yml"
    variables = yaml.safe_load(connection.read_text())
    del variables["ansible_ssh_private_key_file"]  # the key is in an agent
    variables["ansible_ssh_common_args"] = "-o UserKnownHostsFile=/runner/project/known_hosts -o StrictHostKeyChecking=yes"
    variables["cloud_fencing"] = {"method": "none"}  # the power of lab hosts is the machine's to cut
    connection.write_text(yaml.safe_dump(variables))
    own = {
        "cloud_state_dir": "{{ lookup('ansible.builtin.env', 'HOME') }}/.local/share/honeycomb/{{ cloud_name }}",
        "cloud_state_location": "cloud",
    }
    (target / "group_vars/all/zz_execution_environment.yml").write_text(yaml.safe_dump(own))


def write_project(target: Path, flow: str) -> None:
    """Writes a project with one playbook, as AWX asks for: a flow by its full name, or what a flow checks first."""
    play: dict = {"name": f"Start {flow}", "ansible.builtin.import_playbook": f"honeycomb.cloud.{flow.replace('/', '.')}"}
    if flow.startswith(ARGUMENTS_OF):
        play["ansible.builtin.import_playbook"] = "honeycomb.cloud.arguments"
        play["vars"] = {"arguments_of": flow.removeprefix(ARGUMENTS_OF)}
    target.mkdir()
    (target / "flow.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    (target / "ansible.cfg").write_text("[ssh_connection]\npipelining = true\n")
    shutil.copy(LAB_STATE / "ssh/known_hosts", target)


def write_environment(target: Path, extra_variables: Mapping[str, object], arguments: str) -> None:
    """Writes what AWX makes of credentials and of a survey. ``arguments``: further ones of ansible-playbook."""
    target.mkdir(mode=0o700)
    (target / "extravars").write_text(json.dumps(extra_variables))
    (target / "passwords").write_text(json.dumps({r"Vault password:\s*?$": PASSPHRASE}))
    (target / "cmdline").write_text(f"--ask-vault-pass {arguments}")
    shutil.copy(LAB_STATE / "ssh/id_ed25519", target / "ssh_key")


def open_inputs(flow: str) -> None:
    """Opens what a flow uses of the checkout: a proof rests on it, and tests/tools/recording sees nothing of a container."""
    playbook = "playbooks/arguments.yml" if flow.startswith(ARGUMENTS_OF) else f"playbooks/{flow}.yml"
    files = tracked()
    for path in proven.reached(proven.imported_playbooks(playbook, read), files, read):
        # A role counts as a whole when one of its tasks does.
        read(next(file for file in files if file.startswith(f"{path}tasks/")) if path.endswith("/") else path)


@dataclass
class Launcher:
    """Starts flows, each in a new container of an image; ``store`` is a folder for what belongs to the jobs."""

    lab: Lab
    image: Layers
    namespace: Path
    store: Path
    options: list[str] = field(default_factory=list)
    started: int = 0

    @spent("converging")
    def __call__(self, flow: str, extra_variables: Mapping[str, object] | None = None, arguments: str = "") -> Result:
        """Start a flow, by its path below playbooks/, with the answers of its survey; return its result, however it ended.

        ``arguments of FLOW`` checks the answers and nothing else.
        """
        open_inputs(flow)
        self.started += 1
        folder = self.store / f"job-{self.started}"
        folder.mkdir(mode=0o700)
        write_inventory(folder / "inventory")
        write_project(folder / "project", flow)
        write_environment(folder / "env", extra_variables or {}, arguments)
        said, stream = b"", b""
        # As AWX does it: the job goes to the container as a stream, and so do its artifacts come back.
        runner = str(Path(sys.executable).with_name("ansible-runner"))
        for step in (
            [runner, "transmit", str(folder), "--playbook", "flow.yml"],
            self.container("ansible-runner", "worker", "--private-data-dir=/runner"),
            [runner, "process", str(folder)],
        ):
            done = subprocess.run(step, input=stream, capture_output=True, timeout=1800, check=False)
            stream, said = done.stdout, said + done.stderr
        assert (folder / "artifacts/status").exists(), said.decode() + stream.decode()
        return Result(folder / "artifacts")

    def container(self, *arguments: str) -> list[str]:
        """The command that runs another one in a container, as the image's user and through its entry point."""
        options = [f"--network-namespace-path={self.namespace}", f"--bind-ro={self.lab.cache}", *self.options]
        return inside(self.image.on(self.store / "container"), [*self.image.entrypoint, *arguments], *options, environment={})
