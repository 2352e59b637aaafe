"""What hosts run without Ansible is copied to them whole: with everything that it imports, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CODE = ROOT / "plugins/module_utils"
PACKAGE = "ansible_collections.honeycomb.cloud.plugins.module_utils."


def needed(first: str) -> set[str]:
    """The files that a file imports, and those that they import."""
    found, ahead = set(), [first]
    while ahead:
        name = ahead.pop()
        found.add(name)
        for node in ast.walk(ast.parse((CODE / name).read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                module = node.module.removeprefix(PACKAGE).replace(".", "/")
                names = [f"{module}.py", *(f"{module}/{alias.name}.py" for alias in node.names)]
            elif isinstance(node, ast.ImportFrom) and f"{node.module}." == PACKAGE:
                names = []
            else:
                continue
            ahead += [one for one in names if (CODE / one).exists() and one not in found]
    return found


@pytest.mark.parametrize(
    ("role", "first"),
    [("pod_network_controller", "pod_network/controller.py"), ("pod_network_node", "pod_network/agent.py")],
)
def test_a_host_gets_all_files_that_its_program_imports(role, first):
    variables = yaml.safe_load((ROOT / f"roles/{role}/vars/main.yml").read_text())
    assert variables[f"__{role}_code"] == sorted(needed(first))
