# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module shows a sample of all that it returns, and names the libraries that it, or its action plugin, imports."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from ansible.parsing.plugin_docs import read_docstring

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.honeycomb.cloud"
MODULES = sorted(path.stem for path in (REPOSITORY / "plugins/modules").glob("*.py"))
# What a library is installed by. On hosts, roles install packages; the deployment host gets its own by pip.
REQUIREMENTS = {
    "cryptography": "cryptography",
    "kubernetes": "kubernetes",
    "ovs": "python3-openvswitch",
    "rados": "python3-rados",
    "rbd": "python3-rbd",
    "yaml": "python3-yaml",
}
BROUGHT = {"urllib3": "kubernetes"}
ON_DEPLOYMENT_HOST = {"ansible", "yaml"}  # ansible-core, and what it brings


def imported(path: Path) -> tuple[set[Path], set[str]]:
    """Return the files of the collection and the libraries that a file imports, wherever in the file it does so."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {REPOSITORY / f"{name.removeprefix(PACKAGE)[1:].replace('.', '/')}.py" for name in names if name.startswith(f"{PACKAGE}.")}
    libraries = {name.partition(".")[0] for name in names} - {"ansible_collections"} - set(sys.stdlib_module_names)
    return {file for file in ours if file.exists()}, libraries


@cache
def libraries(path: Path) -> frozenset[str]:
    """Return the libraries that a file imports, itself or by what it imports of the collection."""
    seen, ahead, found = set(), [path], set()
    while ahead:
        file = ahead.pop()
        if file not in seen:
            seen.add(file)
            ours, others = imported(file)
            ahead += ours
            found |= others
    return frozenset(found)


def needed(name: str) -> set[str]:
    """Return what has to be installed for a module: on the host for itself, on the deployment host for its action plugin."""
    found = libraries(REPOSITORY / f"plugins/modules/{name}.py") - {"ansible"}
    action = REPOSITORY / f"plugins/action/{name}.py"
    if action.exists():
        found |= libraries(action) - ON_DEPLOYMENT_HOST
    return {REQUIREMENTS[BROUGHT.get(library, library)] for library in found}


def without_sample(returned: dict, path: str = "") -> list[str]:
    """Return the values, by path, that have neither a sample nor a description of their parts."""
    found = []
    for name, value in returned.items():
        if "contains" in value:
            found += without_sample(value["contains"], f"{path}{name}.")
        elif "sample" not in value:
            found.append(path + name)
    return found


@pytest.fixture(params=MODULES)
def module(request):
    return request.param


@pytest.fixture
def documentation(module):
    return read_docstring(str(REPOSITORY / f"plugins/modules/{module}.py"))


def test_all_that_a_module_returns_has_a_sample(documentation):
    returned = documentation["returndocs"]
    assert without_sample(yaml.safe_load(returned) if isinstance(returned, str) else returned) == []


def test_a_module_names_the_libraries_that_it_imports(module, documentation):
    assert set(documentation["doc"].get("requirements", [])) == needed(module)


def test_samples_are_looked_for_in_parts():
    assert without_sample({"a": {"contains": {"b": {}, "c": {"sample": 1}}}, "d": {}}) == ["a.b", "d"]


def test_a_library_is_found_behind_files_of_the_collection():
    assert {"rados", "rbd", "ovs"} <= libraries(REPOSITORY / "plugins/modules/tenant_removal.py")
    assert imported(REPOSITORY / "plugins/modules/tenant_removal.py")[1] == {"ansible"}
