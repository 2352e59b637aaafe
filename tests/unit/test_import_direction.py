# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Imports between the folders of module_utils go one way: common, then subjects, then flows. Read from the syntax tree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "plugins/module_utils"
PACKAGE = "ansible_collections.honeycomb.cloud.plugins.module_utils"
# What a subject builds on, besides common and its own files. A subject that is not named builds on nothing else.
ALLOWED = {
    "capabilities": {"state"},
    "ceph": {"service"},
    "container": {"ceph", "disk", "network"},
    "disk": {"ceph"},
    "etcd": {"service"},
    "kube_tenant": {"network"},
    "kubernetes": {"etcd"},
    "network": {"ovsdb"},
    "pod_network": {"network", "ovsdb"},
}
# They bring subjects together: no subject imports them.
FLOWS = {"csi", "failure", "inventory", "tenant"}


def imported(source: str, folder: str) -> set[str]:
    """Return the folders of module_utils that a file of ``folder`` imports, wherever in the file it does so."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = [PACKAGE, folder][: 3 - node.level] if node.level else []
            names |= {".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names}
    return {name.removeprefix(f"{PACKAGE}.").split(".")[0] for name in names if name.startswith(f"{PACKAGE}.")}


def graph() -> dict[str, set[str]]:
    """Return every folder with the other folders that it imports."""
    result: dict[str, set[str]] = {}
    for path in sorted(ROOT.glob("*/**/*.py")):
        folder = path.relative_to(ROOT).parts[0]
        result.setdefault(folder, set()).update(imported(path.read_text(), folder) - {folder})
    return result


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one folder."""

    def reach(start: str) -> set[str]:
        seen, ahead = set(), [start]
        while ahead:
            new = edges.get(ahead.pop(), set()) - seen
            seen |= new
            ahead += new
        return seen

    reached = {folder: reach(folder) for folder in edges}
    components = {tuple(sorted({folder} | {o for o in reached[folder] if folder in reached.get(o, set())})) for folder in edges}
    return sorted(list(component) for component in components if len(component) > 1)


GRAPH = graph()


def test_folders_import_each_other_in_no_circle():
    assert circles(GRAPH) == []


def test_common_imports_no_subject():
    assert GRAPH["common"] == set()


@pytest.mark.parametrize("folder", sorted(set(GRAPH) - FLOWS - {"common"}))
def test_subject_imports_only_what_it_is_declared_to_build_on(folder):
    assert GRAPH[folder] - {"common"} - ALLOWED.get(folder, set()) == set()


def test_table_names_folders_that_are_there_and_itself_has_no_circle():
    assert {*ALLOWED, *FLOWS, *(name for names in ALLOWED.values() for name in names)} <= set(GRAPH)
    assert circles(ALLOWED) == []


@pytest.mark.parametrize(
    ("source", "folders"),
    [
        (f"import {PACKAGE}.ceph.client", {"ceph"}),
        (f"from {PACKAGE} import disk, pki", {"disk", "pki"}),
        (f"def late():\n    from {PACKAGE}.ceph.client import Cluster", {"ceph"}),
        ("from . import other", {"here"}),
        ("from ..ceph.client import Cluster", {"ceph"}),
        ("from .. import ceph", {"ceph"}),
        ("import json\nfrom ansible.module_utils.basic import AnsibleModule", set()),
    ],
)
def test_imports_are_seen_in_every_form(source, folders):
    assert imported(source, "here") == folders


def test_circles_are_seen_over_several_folders():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"a"}}) == [["a", "b", "c"]]
