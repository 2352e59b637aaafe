# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What plugins import is declared: for the deployment host in meta/requirements.txt, for hosts as packages of roles."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = {"yaml": "pyyaml"}  # where the name differs from that of the import
DEBIAN = {"ovs": "python3-openvswitch", "grpc": "python3-grpcio"}  # where the package is not python3-NAME
GENERATED = re.compile(r"_pb2(_grpc)?$")  # protoc makes them on a host, from the definition of an interface
OURS = {"ansible", "ansible_collections"}


def imported() -> set[str]:
    """The libraries that plugins import."""
    found: set[str] = set()
    for path in (REPOSITORY / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            found |= {name.partition(".")[0] for name in names}
    return {name for name in found if not GENERATED.search(name)} - OURS - set(sys.stdlib_module_names)


def declared() -> dict[str, Requirement]:
    lines = (REPOSITORY / "meta/requirements.txt").read_text().splitlines()
    requirements = [Requirement(line.partition("#")[0].strip()) for line in lines if line.partition("#")[0].strip()]
    return {requirement.name: requirement for requirement in requirements}


def brought(name: str) -> set[str]:
    """What a distribution brings with it."""
    return {Requirement(text).name.lower() for text in metadata.requires(name) or []}


def test_every_library_is_declared():
    packages = "".join(path.read_text() for path in (REPOSITORY / "roles").glob("*/*/*.yml"))
    with_them = {"ansible-core", *declared()}.union(*map(brought, ["ansible-core", *declared()]))
    unknown = {
        name
        for name in imported()
        if DISTRIBUTIONS.get(name, name) not in with_them and not re.search(rf"\b{DEBIAN.get(name, f'python3-{name}')}\b", packages)
    }
    assert unknown == set()


def test_nothing_is_declared_that_nobody_needs():
    assert set(declared()) == (imported() & set(declared())) | {"netaddr"}, "netaddr is for ansible.utils"


def test_the_development_environment_has_what_is_declared():
    for name, requirement in declared().items():
        assert requirement.specifier.contains(metadata.version(name)), name


def test_an_execution_environment_names_files_that_are_there():
    dependencies = yaml.safe_load((REPOSITORY / "meta/execution-environment.yml").read_text())["dependencies"]
    assert sorted(dependencies) == ["python", "system"]
    assert all((REPOSITORY / path).is_file() for path in dependencies.values())


def test_the_execution_environment_has_the_tested_versions():
    dependencies = yaml.safe_load((REPOSITORY / "awx/execution-environment.yml").read_text())["dependencies"]
    pinned = re.findall(r"^[\w.-]+==[\w.]+", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    named = [dependencies["ansible_core"]["package_pip"], dependencies["ansible_runner"]["package_pip"], *dependencies["python"]]
    assert [one for one in named if one not in pinned] == []
    assert {Requirement(one).name for one in dependencies["python"]} == set(declared())
