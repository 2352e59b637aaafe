# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection alone: ansible-core, what meta/requirements.txt and galaxy.yml declare, and nothing else on the deployment host."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from elsewhere import REPOSITORY, Elsewhere, environment, pins
from execution_environment import pack
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_build import PLAYBOOKS
from test_requirements import DEBIAN, declared, imported

DECLARED = (REPOSITORY / "meta/requirements.txt").read_text()
# Imports every file of plugins and prints what was looked for in vain, also where the file goes on without it.
IMPORT_ALL = """
import contextlib, importlib, json, sys
from pathlib import Path
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

class Missing:
    names = set()

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        cls.names.add(name.partition(".")[0])

_AnsibleCollectionFinder(paths=[sys.argv[1]])._install()
sys.meta_path.append(Missing)
plugins = Path(sys.argv[1], "ansible_collections/honeycomb/cloud/plugins")
files = sorted(plugins.rglob("*.py"))
for path in files:
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("ansible_collections.honeycomb.cloud.plugins." + ".".join(path.relative_to(plugins).with_suffix("").parts))
print(json.dumps([len(files), sorted(Missing.names)]))
"""


@pytest.fixture(scope="module")
def alone(archive, tmp_path_factory):
    """A folder with the collection and a Python that has what is declared."""
    folder = tmp_path_factory.mktemp("alone")
    (core,) = re.findall(r"^ansible-core==.*$", pins(), re.MULTILINE)
    there = Elsewhere(folder, environment(folder / "environment", f"{core}\n{DECLARED}"))
    needed = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())["dependencies"]
    for name in needed:
        pack(name, folder / f"{name}.tar.gz")
    there.run("ansible-galaxy", "collection", "install", "--offline", str(archive), *(f"{folder}/{name}.tar.gz" for name in needed))
    return there


def test_nothing_else_is_there(alone):
    found = alone.run("ansible-galaxy", "collection", "list", "--format", "json")
    names = {name for path in json.loads(found).values() for name in path}
    assert {name for name in names if not name.startswith("ansible._")} == {"honeycomb.cloud", "ansible.utils"}, "_ is ansible-core's own"
    code = "import json; from importlib import metadata; print(json.dumps({one.name: one.requires for one in metadata.distributions()}))"
    packages = {canonicalize_name(name): needs or [] for name, needs in json.loads(alone.run("python", "-c", code)).items()}
    wanted = {*declared(), "ansible-core"}
    reached: set[str] = set()
    while wanted:
        reached.add(name := wanted.pop())
        wanted |= {canonicalize_name(Requirement(text).name) for text in packages[name]} & set(packages) - reached
    assert set(packages) == reached


def test_the_pinned_versions_are_there(alone):
    pinned = dict(line.partition(" ")[0].split("==") for line in pins().splitlines())
    assert f"[core {pinned['ansible-core']}]" in alone.run("ansible", "--version")


def test_example_inventory_is_valid(alone):
    inventory = alone.collection / "inventories/example"
    shown = alone.run("ansible-playbook", "honeycomb.cloud.validate", "-i", str(inventory))
    assert re.search(r"ok=1 +changed=0 +unreachable=0 +failed=0", shown)


def test_an_inventory_may_calculate_addresses(alone):
    inventory = alone.collection / "inventories/example"
    calculated = {"cloud_api_vip": "{{ cloud_management_network | ansible.utils.nthhost(100) }}"}
    alone.run("ansible-playbook", "honeycomb.cloud.validate", "-i", str(inventory), "-e", json.dumps(calculated))


def test_every_playbook_is_found_with_all_it_uses(alone):
    inventory = alone.collection / "inventories/example"
    names = [f"honeycomb.cloud.{playbook.replace('/', '.')}" for playbook in PLAYBOOKS]
    shown = alone.run("ansible-playbook", *names, "-i", str(inventory), "--syntax-check")
    assert re.findall(r"^playbook: (.*)$", shown, re.MULTILINE) == [f"{alone.collection}/playbooks/{name}.yml" for name in PLAYBOOKS]


def test_plugins_lack_only_what_roles_install_on_hosts(alone):
    packages = "".join(path.read_text() for path in (REPOSITORY / "roles").glob("*/*/*.yml"))
    on_hosts = {name for name in imported() if re.search(rf"\b{DEBIAN.get(name, f'python3-{name}')}\b", packages)}
    files, missing = json.loads(alone.run("python", "-c", IMPORT_ALL, str(Path(alone.folder, "collections"))))
    assert files == len(list((REPOSITORY / "plugins").rglob("*.py")))
    assert imported() & set(missing) - on_hosts == set()
