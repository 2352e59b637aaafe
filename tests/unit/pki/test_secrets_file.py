# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The secrets file as an operator may write it, read by the action: plain, encrypted as a whole, and encrypted one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
PLAIN = {"a": "0123456", "b": "12:34:56", "c": "yes", "d": "00000000"}
TEXT = "".join(f"{name}: {value}\n" for name, value in PLAIN.items())


def call(program: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    environment = {**os.environ, "HONEYCOMB_LOG": "none", "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("kind", ["plain", "whole", "one"])
def test_values_are_the_text_as_written_and_the_file_stays(tmp_path, kind):
    password, path, play = tmp_path / "vault", tmp_path / "secrets.yml", tmp_path / "play.yml"
    password.write_text("open sesame\n")
    path.write_text(TEXT)
    path.chmod(0o600)
    if kind == "whole":
        assert call("ansible-vault", "encrypt", "--vault-password-file", str(password), str(path)).returncode == 0
    if kind == "one":
        made = call("ansible-vault", "encrypt_string", "--vault-password-file", str(password), "--name", "a", PLAIN["a"])
        path.write_text(made.stdout + "\n" + TEXT.partition("\n")[2])
    before = path.read_bytes()
    asked = [{"name": name, "kind": "password", "size": 8} for name in PLAIN]
    tasks = [
        {"honeycomb.cloud.secrets": {"path": str(path), "secrets": asked}, "register": "found"},
        {"ansible.builtin.assert": {"that": ["found is not changed", f"found.secrets == {json.dumps(PLAIN)}"]}},
    ]
    play.write_text(yaml.safe_dump([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    done = call("ansible-playbook", "-i", "localhost,", "--vault-password-file", str(password), str(play))
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["plain", "whole", "one"])
def test_a_rotated_key_is_written_as_the_file_is_encrypted(tmp_path, kind):
    password, path, play = tmp_path / "vault", tmp_path / "secrets.yml", tmp_path / "play.yml"
    password.write_text("open sesame\n")
    path.write_text("# mine\nceph_client_node1: old\nother: '0123'\n")
    (tmp_path / "cloud.json").write_text(json.dumps({"id": "0d6c5dd0-4e0e-4d4e-9f1e-000000000001", "generation": 1, "digest": ""}))
    if kind == "whole":
        assert call("ansible-vault", "encrypt", "--vault-password-file", str(password), str(path)).returncode == 0
    if kind == "one":
        made = call("ansible-vault", "encrypt_string", "--vault-password-file", str(password), "--name", "ceph_client_node1", "old")
        path.write_text(f"# mine\n{made.stdout}\nother: '0123'\n")
    rotation = "honeycomb.cloud.ceph_key_rotation"
    names = ["ceph_client_node1", "other"]
    tasks = [
        {"ansible.builtin.group_by": {"key": "ceph_client"}},
        {rotation: {"state_dir": str(tmp_path), "step": "begin", "names": ["client.node1"]}, "register": "begun"},
        {rotation: {"state_dir": str(tmp_path), "step": "record", "keys": {"client.node1": "new"}}},
        {rotation: {"state_dir": str(tmp_path), "step": "record", "keys": {"client.node1": "newer"}}, "register": "again"},
        {rotation: {"state_dir": str(tmp_path), "step": "finish"}},
        {
            "honeycomb.cloud.secrets": {"path": str(path), "secrets": [{"name": name, "kind": "password", "size": 8} for name in names]},
            "register": "found",
        },
        {
            "ansible.builtin.assert": {
                "that": [
                    "begun.waiting == ['client.node1'] and begun.hosts == {'node1': ['client.node1']}",
                    "again is not changed",
                    "found.secrets == {'ceph_client_node1': 'new', 'other': '0123'}",
                ]
            }
        },
    ]
    play.write_text(yaml.safe_dump([{"hosts": "node1", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    done = call("ansible-playbook", "-i", "node1,", "--vault-password-file", str(password), str(play))
    assert done.returncode == 0, done.stdout + done.stderr
    text = path.read_text()
    assert ("new" in text, "$ANSIBLE_VAULT" in text) == ((True, False) if kind == "plain" else (False, True))
    assert ("# mine" in text) is (kind != "whole")
    assert path.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "ceph-key-rotation.json").exists()


@pytest.mark.parametrize("kind", ["plain", "whole", "one"])
def test_a_replaced_secret_leaves_the_file_as_it_is_encrypted(tmp_path, kind):
    password, path, play = tmp_path / "vault", tmp_path / "secrets.yml", tmp_path / "play.yml"
    password.write_text("open sesame\n")
    path.write_text("# mine\nkey: old\nother: '0123'\n")
    (tmp_path / "cloud.json").write_text(json.dumps({"id": "0d6c5dd0-4e0e-4d4e-9f1e-000000000001", "generation": 1, "digest": ""}))
    if kind == "whole":
        assert call("ansible-vault", "encrypt", "--vault-password-file", str(password), str(path)).returncode == 0
    if kind == "one":
        made = call("ansible-vault", "encrypt_string", "--vault-password-file", str(password), "--name", "key", "old")
        path.write_text(f"# mine\n{made.stdout}\nother: '0123'\n")
    key, other = ({"name": name, "kind": "rsa", "size": 2048} for name in ("key", "other"))
    options = {"path": str(path), "secrets": [key]}
    read = {"honeycomb.cloud.secrets": {"path": str(path), "secrets": [key, other]}}
    tasks = [
        {"honeycomb.cloud.secret_rotation": {**options, "step": "begin"}},
        read | {"register": "begun"},
        {"honeycomb.cloud.secret_rotation": {**options, "step": "switch"}},
        read | {"register": "switched"},
        {"honeycomb.cloud.secret_rotation": {**options, "step": "end"}},
        {"honeycomb.cloud.secret_rotation": {**options, "step": "end"}, "register": "again"},
        read | {"register": "ended"},
        {
            "ansible.builtin.assert": {
                "that": [
                    "begun.secrets.key == 'old' and begun.accepted.key == [switched.secrets.key]",
                    "switched.accepted == {'key': ['old'], 'other': []}",
                    "again is not changed",
                    "ended.secrets == {'key': switched.secrets.key, 'other': '0123'} and ended.accepted.key == []",
                ]
            }
        },
    ]
    play.write_text(yaml.safe_dump([{"hosts": "node1", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    done = call("ansible-playbook", "-i", "node1,", "--vault-password-file", str(password), str(play))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PRIVATE KEY" not in done.stdout
    text = path.read_text()
    assert ("PRIVATE KEY" in text, "$ANSIBLE_VAULT" in text) == ((True, False) if kind == "plain" else (False, True))
    assert ("# mine" in text) is (kind != "whole")
    assert path.stat().st_mode & 0o777 == 0o600
