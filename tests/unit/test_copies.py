"""What hosts run without Ansible is copied to them whole: with everything that it imports, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.filter.host_code import host_code

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "plugins/module_utils"
PACKAGE = "ansible_collections.honeycomb.cloud.plugins.module_utils."


def needed(*first: str) -> set[str]:
    """Files, those that they import, and those that these import."""
    found, ahead = set(), [*first]
    while ahead:
        name = ahead.pop()
        found.add(name)
        for node in imports(name):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                module = node.module.removeprefix(PACKAGE).replace(".", "/")
                names = [f"{module}.py", *(f"{module}/{alias.name}.py" for alias in node.names)]
            elif isinstance(node, ast.ImportFrom) and f"{node.module}." == PACKAGE:
                names = []
            else:
                continue
            ahead += [one for one in names if (CODE / one).exists() and one not in found]
    return found


def imports(name: str) -> list[ast.AST]:
    """What a file holds; of the CSI driver's process only what every part of it runs: each part imports its own when it begins."""
    tree = ast.parse((CODE / name).read_text())
    return tree.body if name == "csi/server.py" else list(ast.walk(tree))


@pytest.mark.parametrize(
    ("role", "first"),
    [
        ("csi_controller", ["csi/server.py", "csi/controller.py"]),
        ("csi_node", ["csi/server.py", "csi/node.py"]),
        ("pod_network_controller", ["pod_network/controller.py"]),
        ("pod_network_node", ["pod_network/agent.py"]),
    ],
)
def test_a_host_gets_all_files_that_its_program_imports(role, first):
    variables = yaml.safe_load((ROOT / f"roles/{role}/vars/main.yml").read_text())
    assert sorted(variables[f"__{role}_code"]) == sorted(needed(*first))


def test_code_lies_on_hosts_under_the_name_of_its_import():
    content = (CODE / "common/errors.py").read_text()
    path = f"/usr/lib/honeycomb/{PACKAGE.replace('.', '/')}common/errors.py"
    assert host_code(["common/errors.py"], "/usr/lib/honeycomb") == [{"path": path, "content": content}]
