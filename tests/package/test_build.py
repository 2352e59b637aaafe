# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection as others get it: built, installed far from this checkout, and used by its full names."""

from __future__ import annotations

import json
import re
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
# By their path below playbooks/, without the suffix. A folder beside a playbook of its name would hide it.
PLAYBOOKS = sorted(
    str(path.relative_to(REPOSITORY / "playbooks").with_suffix(""))
    for path in (REPOSITORY / "playbooks").rglob("*.yml")
    if path.parent.name != "tasks"
)
MODULES = sorted(path.stem for path in (REPOSITORY / "plugins/modules").glob("*.py"))


def test_archive_holds_what_is_used_and_nothing_else(archive):
    with tarfile.open(archive) as packed:
        names = {name.rstrip("/") for name in packed.getnames()}
    top = {name.split("/")[0] for name in names}
    assert top == {
        *("FILES.json", "MANIFEST.json", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
        *("requirements.txt", "requirements.yml", "site.yml"),
        *("awx", "changelogs", "docs", "inventories", "meta", "playbooks", "plugins", "roles", "tests"),
    }
    assert {name for name in names if name.startswith("tests/")} == {"tests/config.yml"}
    assert sorted(name for name in names if re.search(r"__pycache__|\.pyc$|/\.", name)) == []
    assert {f"plugins/modules/{name}.py" for name in MODULES} <= names


def test_every_module_is_documented_under_its_full_name(installed):
    names = [f"honeycomb.cloud.{name}" for name in MODULES]
    shown = json.loads(installed.run("ansible-doc", "--json", "--type", "module", *names))
    assert sorted(shown) == names
    assert [name for name, entry in shown.items() if not entry["doc"]["filename"].startswith(str(installed.collection))] == []


def test_every_role_is_documented_under_its_full_name(installed):
    roles = sorted(f"honeycomb.cloud.{path.name}" for path in (REPOSITORY / "roles").iterdir())
    shown = json.loads(installed.run("ansible-doc", "--json", "--type", "role", *roles))
    assert sorted(shown) == roles
    assert [name for name, entry in shown.items() if not entry.get("entry_points")] == []


def test_every_playbook_is_found_by_its_full_name_with_all_it_uses(installed):
    inventory = installed.collection / "inventories/example"
    names = [f"honeycomb.cloud.{playbook.replace('/', '.')}" for playbook in PLAYBOOKS]
    shown = installed.run("ansible-playbook", *names, "-i", str(inventory), "--syntax-check")
    assert re.findall(r"^playbook: (.*)$", shown, re.MULTILINE) == [f"{installed.collection}/playbooks/{name}.yml" for name in PLAYBOOKS]


def test_example_inventory_is_valid(installed):
    inventory = installed.collection / "inventories/example"
    shown = installed.run("ansible-playbook", "honeycomb.cloud.validate", "-i", str(inventory))
    assert re.search(r"ok=1 +changed=0 +unreachable=0 +failed=0", shown)


def test_wrong_inventory_is_refused(installed):
    inventory = installed.collection / "inventories/example"
    installed.run("ansible-playbook", "honeycomb.cloud.validate", "-i", str(inventory), "-e", '{"cloud_api_port": "many"}', code=2)


def test_progress_callback_is_found(installed):
    installed.environment["ANSIBLE_STDOUT_CALLBACK"] = "honeycomb.cloud.progress"
    shown = installed.run("ansible-playbook", "honeycomb.cloud.validate", "-i", str(installed.collection / "inventories/example"))
    del installed.environment["ANSIBLE_STDOUT_CALLBACK"]
    assert "Nothing changed" in shown


def test_action_groups_name_every_module():
    groups = yaml.safe_load((REPOSITORY / "meta/runtime.yml").read_text())["action_groups"]

    def members(group: str) -> set[str]:
        found = {entry for entry in groups[group] if isinstance(entry, str)}
        for entry in groups[group]:
            if isinstance(entry, dict):
                found |= {name for other in entry["metadata"]["extend_group"] for name in members(other)}
        return found

    shares_options = {
        path.stem
        for path in (REPOSITORY / "plugins/modules").glob("*.py")
        if "extends_documentation_fragment: [honeycomb.cloud.etcd]" in path.read_text()
    }
    assert members("honeycomb") == set(MODULES)
    assert members("etcd") == shares_options


@pytest.mark.parametrize("group", ["honeycomb", "pki"])
def test_module_defaults_reach_the_modules_of_a_group(installed, group):
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {f"group/honeycomb.cloud.{group}": {"directories": [str(installed.folder / "nothing-here")]}},
        "tasks": [{"honeycomb.cloud.certificate_info": None}],
    }
    (installed.folder / "play.yml").write_text(yaml.safe_dump([play]))
    shown = installed.run(
        "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "-vvv", "play.yml"
    )
    assert f'"directories": [\n                "{installed.folder}/nothing-here"' in shown
