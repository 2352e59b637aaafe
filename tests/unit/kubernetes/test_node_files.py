# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What roles containerd, kubelet and kube_proxy write, on a host whose cgroup tree has controllers and on one without."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from playbook_alone import playbook_alone

ROLES = Path(__file__).resolve().parents[3] / "roles"
FACTS = {
    "server": {"cgroup_limits": True, "container": False, "sysctl_writable": ["fs", "kernel", "net", "vm"]},
    "container": {"cgroup_limits": False, "container": True, "sysctl_writable": ["net"]},
}
REGISTRIES = [
    {"name": "registry.k8s.io", "mirrors": [{"url": "https://a.example.net/v2/k8s", "ca": "PEM"}, {"url": "https://b.example.net"}]},
    {"name": "docker.io", "mirrors": [{"url": "https://a.example.net"}], "upstream": True},
    {"name": "_default", "mirrors": [{"url": "https://a.example.net"}], "upstream": True},
]
IMAGES = {"localhost/b:1": "/srv/b.tar", "registry.k8s.io/pause:3.10.2": "/srv/pause.tar"}
FILES = "{{ lookup('honeycomb.cloud.template', 'files.yml.j2') | from_yaml }}"


def rendered(folder: Path, role: str, expressions: dict[str, str], **options: object) -> dict[str, dict]:
    """Return what expressions of a role are, by the host of FACTS."""
    (folder / "templates").symlink_to(ROLES / role / "templates")
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "cloud_address": "192.0.2.21",
        "cloud_api_vip": "192.0.2.100",
        "cloud_artifacts": {"kubelet": {"version": "1.36.3"}, "kube-proxy": {"version": "1.36.3"}},
        "cloud_state_dir": "/state",
        **options,
    }
    groups = {"zone_a": {"hosts": {name: {"honeycomb_host": facts} for name, facts in FACTS.items()}}}
    files = [str(ROLES / role / part / "main.yml") for part in ("defaults", "vars")]
    write = {"content": "{{ rendered | to_json }}", "dest": f"{folder}/{{{{ inventory_hostname }}}}.json", "mode": "0644"}
    task = {"ansible.builtin.copy": write, "vars": {"rendered": expressions}}
    # Defaults as files of variables would win over the inventory: what is given is given behind them.
    (folder / "options.yml").write_text(yaml.safe_dump(variables))
    play = {"hosts": "all", "gather_facts": False, "vars_files": [*files, "options.yml"], "tasks": [task]}
    (folder / "hosts.yml").write_text(yaml.safe_dump(groups))
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = playbook_alone(folder, "hosts.yml", "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in FACTS}
    for one in found.values():
        one["files"] = {file["path"]: file for file in one.get("files", [])}
    return found


@pytest.fixture(scope="module")
def kubelet(tmp_path_factory):
    expressions = {"files": FILES, "units": "{{ lookup('honeycomb.cloud.template', 'units.yml.j2') | from_yaml }}"}
    options = {"kubelet_configuration": {"logging": {"verbosity": 4}}}
    return rendered(tmp_path_factory.mktemp("kubelet"), "kubelet", expressions, **options)


@pytest.fixture(scope="module")
def containerd(tmp_path_factory):
    expressions = {"files": FILES, "check": "{{ __containerd_images_check }}"}
    options = {"containerd_images": IMAGES, "containerd_registries": REGISTRIES}
    return rendered(tmp_path_factory.mktemp("containerd"), "containerd", expressions, **options)


class TestKubelet:
    def test_on_a_server_pods_are_in_cgroups_and_the_settings_are_the_kernels(self, kubelet):
        written = kubelet["server"]["files"]
        config = yaml.safe_load(written["/etc/kubernetes/kubelet.yml"]["content"])
        assert (config["cgroupDriver"], config["cgroupsPerQOS"], config["enforceNodeAllocatable"]) == ("systemd", True, ["pods"])
        assert all(one["state"] == "absent" for path, one in written.items() if "kernel" in path)
        assert "kubelet-kernel-settings" not in written["/etc/systemd/system/kubelet.service"]["content"]

    def test_without_controllers_there_are_no_cgroups_and_fixed_settings_are_shown(self, kubelet):
        written = kubelet["container"]["files"]
        config = yaml.safe_load(written["/etc/kubernetes/kubelet.yml"]["content"])
        assert (config["cgroupDriver"], config["cgroupsPerQOS"], config["enforceNodeAllocatable"]) == ("cgroupfs", False, [])
        assert written["/etc/kubernetes/kernel/vm.overcommit_memory"]["content"] == "1\n"
        unit = written["/etc/systemd/system/kubelet-kernel-settings.service"]
        assert unit["state"] == "present"
        assert "--bind /etc/kubernetes/kernel/kernel.keys.root_maxkeys /proc/sys/kernel/keys/root_maxkeys\n" in unit["content"]
        assert "Requires=kubelet-kernel-settings.service" in written["/etc/systemd/system/kubelet.service"]["content"]

    @pytest.mark.parametrize("host", FACTS)
    def test_strangers_are_refused_and_the_operators_settings_win(self, kubelet, host):
        config = yaml.safe_load(kubelet[host]["files"]["/etc/kubernetes/kubelet.yml"]["content"])
        assert config["authentication"]["anonymous"] == {"enabled": False}
        assert config["authorization"] == {"mode": "Webhook"}
        assert (config["readOnlyPort"], config["seccompDefault"], config["protectKernelDefaults"]) == (0, True, True)
        assert config["address"] == "192.0.2.21"
        assert config["logging"] == {"verbosity": 4}

    def test_the_node_has_the_name_and_the_zone_of_the_inventory_and_its_own_identity(self, kubelet):
        written = kubelet["server"]["files"]
        unit = written["/etc/systemd/system/kubelet.service"]["content"]
        for argument in ("--hostname-override=server", "--node-ip=192.0.2.21", "--node-labels=topology.kubernetes.io/zone=a"):
            assert argument in unit
        config = yaml.safe_load(written["/etc/kubernetes/kubelet.kubeconfig"]["content"])
        assert config["users"][0]["name"] == "system:node:server"
        assert config["clusters"][0]["cluster"]["server"] == "https://192.0.2.100:6443"

    def test_no_key_is_read_but_by_systemd(self, kubelet):
        texts = "".join(one["content"] for one in kubelet["server"]["files"].values())
        assert [line for line in texts.splitlines() if "/etc/honeycomb/pki" in line and ".key" in line] == [
            "LoadCredential=client.key:/etc/honeycomb/pki/kubelet-client.key",
            "LoadCredential=server.key:/etc/honeycomb/pki/kubelet.key",
        ]

    def test_settings_are_shown_by_a_unit_only_where_they_are_fixed(self, kubelet):
        names = {host: [unit["name"] for unit in one["units"]] for host, one in kubelet.items()}
        assert names["server"] == ["systemd-logind.service", "kubelet.service"]
        assert names["container"] == ["systemd-logind.service", "kubelet-kernel-settings.service", "kubelet.service"]


class TestContainerd:
    @pytest.mark.parametrize(
        ("host", "program", "systemd"), [("server", "/usr/bin/crun", True), ("container", "/usr/lib/honeycomb/crun-without-cgroups", False)]
    )
    def test_the_runtime_makes_cgroups_where_there_are_controllers(self, containerd, host, program, systemd):
        written = containerd[host]["files"]
        plugins = tomllib.loads(written["/etc/containerd/config.toml"]["content"])["plugins"]
        runtime = plugins["io.containerd.cri.v1.runtime"]
        assert runtime["containerd"]["runtimes"]["crun"]["options"] == {"BinaryName": program, "SystemdCgroup": systemd}
        assert runtime["restrict_oom_score_adj"] is not systemd
        assert runtime["cni"]["use_internal_loopback"] is True, "there is no plugin loopback"
        assert plugins["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": "registry.k8s.io/pause:3.10.2"}
        assert written["/usr/lib/honeycomb/crun-without-cgroups"]["state"] == ("absent" if systemd else "present")

    def test_mirrors_are_asked_instead_of_the_registry_unless_that_may_be_asked_too(self, containerd):
        written = containerd["server"]["files"]
        texts = {path.split("/")[-2]: one["content"] for path, one in written.items() if path.endswith("hosts.toml")}
        found = {name: tomllib.loads(text) for name, text in texts.items()}
        closed = found["registry.k8s.io"]
        assert closed["server"] == "https://b.example.net", "the last mirror is where it ends"
        assert list(closed["host"]) == ["https://a.example.net/v2/k8s", "https://b.example.net"]
        first = closed["host"]["https://a.example.net/v2/k8s"]
        assert first["override_path"] is True
        assert written[first["ca"]]["content"] == "PEM"
        assert found["docker.io"]["server"] == "https://docker.io"
        assert "server" not in found["_default"], "each registry is its own"

    def test_images_are_imported_pinned_and_looked_for(self, containerd):
        unit = containerd["server"]["files"]["/etc/systemd/system/containerd-images.service"]["content"]
        assert unit.count(" images import /var/lib/honeycomb/images/") == 2
        assert " images label localhost/b:1 io.cri-containerd.pinned=pinned\n" in unit
        assert "for image in localhost/b:1 registry.k8s.io/pause:3.10.2; do" in containerd["server"]["check"]


def test_without_a_cgroup_a_container_has_its_first_process(containerd, tmp_path):
    """Containerd ends, when it starts, the containers that have none; crun knows them by the cgroup alone."""
    crun = tmp_path / "crun"
    crun.write_text('#!/bin/sh\necho "$@" >>"$0.asked"\necho \'{"id": "c0ffee", "pid": 42, "status": "running"}\'\n')
    script = tmp_path / "script"
    text = containerd["container"]["files"]["/usr/lib/honeycomb/crun-without-cgroups"]["content"]
    script.write_text(text.replace("/usr/bin/crun", str(crun)))
    for path in (crun, script):
        path.chmod(0o755)
    options = ["--root", "/run/r", "--log-format", "json"]
    listed = subprocess.run([script, *options, "ps", "--format", "json", "c0ffee"], capture_output=True, text=True, check=True)
    assert json.loads(listed.stdout) == [42]
    subprocess.run([script, *options, "start", "c0ffee"], capture_output=True, check=True)
    asked = (tmp_path / "crun.asked").read_text().splitlines()
    assert asked == [" ".join([*options, "state", "c0ffee"]), " ".join(["--cgroup-manager=disabled", *options, "start", "c0ffee"])]


def test_kube_proxy_works_with_nftables_and_leaves_the_connection_table_alone(tmp_path):
    expressions = {
        "config": "{{ lookup('honeycomb.cloud.template', 'kube-proxy.yml.j2') }}",
        "unit": "{{ lookup('honeycomb.cloud.template', 'kube-proxy.service.j2') }}",
    }
    done = rendered(tmp_path, "kube_proxy", expressions)["server"]
    config = yaml.safe_load(done["config"])
    assert config["mode"] == "nftables"
    assert config["nftables"]["masqueradeAll"] is True
    assert (config["conntrack"]["maxPerCore"], config["conntrack"]["min"]) == (0, 0)
    assert config["healthzBindAddress"].startswith("127.0.0.1:")
    assert config["metricsBindAddress"].startswith("127.0.0.1:")
    assert "CapabilityBoundingSet=CAP_NET_ADMIN" in done["unit"]
    assert "User=kube-proxy" in done["unit"]
