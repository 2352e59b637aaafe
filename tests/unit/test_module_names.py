# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module's name begins with what it is about, so that modules of one subject stand together in every list.

A prefix is the first word of the name, up to the underscore. It means a subject of the cloud: a product or one of its parts
(``etcd_``, ``ovn_``), a thing that the collection declares (``container_``, ``node_``), or the place where the module works (``host_``,
``lab_``). ``verify_`` and ``validate_`` are no subjects: such a module changes nothing that lasts and fails when something does not hold,
``verify_`` in the running cloud and ``validate_`` in the inventory. A name of one word is a subject as a whole.

A module that never reports a change says by its name what it is for: ``_info`` returns what it read, ``_facts`` returns facts of Ansible,
``_health`` waits, ``_preflight`` refuses what the inventory would do to what lives.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from ansible.parsing.plugin_docs import read_docstring

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
PREFIXES = {
    "artifact": "program files in the deployment host's mirror",
    "bgp": "sessions with the providers' routers",
    "ceph": "the storage cluster: its daemons, pools, users and settings",
    "certificate": "CAs, and what certificates say",
    "cloud": "the cloud as a whole: its identity and state, and the disks that it offers to tenants",
    "component": "files that declare the components of the cloud",
    "container": "stateful containers: their images and on which host they are",
    "etcd": "members and shards of etcd",
    "go": "programs built from Go modules",
    "host": "facts of one host",
    "kube": "objects by the API of a running Kubernetes",
    "lab": "hosts of the lab",
    "node": "a host as it is lost, cut off and taken back",
    "ovn": "the overlay network: its databases, networks, ports and traces",
    "ping": "whether addresses answer",
    "public": "addresses by which the outside reaches containers",
    "secret": "secrets that hosts share",
    "stateful": "stateful containers on one host",
    "tenant": "all that one tenant has in the cloud",
    "validate": "the inventory, before anything is changed",
    "verify": "proofs on the running cloud",
}
READ_ONLY = ("_info", "_facts", "_health", "_preflight")
PROOFS = ("verify_", "validate_")
OTHERS_WITHOUT_CHANGE = {"cloud_lock": "its lease ends with the run", "ping_mesh": "fails when an address does not answer"}
WHOLE = {"artifacts", "certificates", "openvswitch", "secrets", "service"}
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_name_begins_with_its_subject(name):
    assert name in WHOLE or ("_" in name and name.partition("_")[0] in PREFIXES)


def test_no_prefix_is_left_without_a_module():
    assert set(PREFIXES) - {name.partition("_")[0] for name in MODULES if "_" in name} == set()
    assert WHOLE - set(MODULES) == set()


def test_an_action_plugin_has_the_name_of_its_module():
    assert {path.stem for path in (PLUGINS / "action").glob("*.py")} - set(MODULES) == set()


def changes(source: str) -> set[bool]:
    """Return what a module or action plugin says of changes: False where it is always unchanged, True for anything else."""
    said = set()
    for node in ast.walk(ast.parse(source)):
        values: list[ast.expr] = []
        if isinstance(node, ast.Dict):
            values = [value for key, value in zip(node.keys, node.values, strict=True) if getattr(key, "value", None) == "changed"]
        elif isinstance(node, ast.Call):
            values = [keyword.value for keyword in node.keywords if keyword.arg == "changed"]
            said |= {True} if getattr(node.func, "id", None) == "changes_result" else set()
        elif isinstance(node, ast.Assign):
            values = [node.value for target in node.targets if getattr(getattr(target, "slice", None), "value", None) == "changed"]
        said |= {getattr(value, "value", None) is not False for value in values}
    return said


def source(name: str) -> str:
    """Return the code that makes the result: of the action plugin where there is one."""
    action = PLUGINS / "action" / f"{name}.py"
    return (action if action.exists() else PLUGINS / "modules" / f"{name}.py").read_text()


def documented(name: str) -> tuple[dict, dict]:
    """Return what a module says of itself, and what it returns."""
    text = read_docstring(str(PLUGINS / "modules" / f"{name}.py"))
    returned = text["returndocs"]
    return text["doc"], yaml.safe_load(returned) if isinstance(returned, str) else returned


NEVER_CHANGES = [name for name in MODULES if changes(source(name)) == {False}]


@pytest.mark.parametrize("name", NEVER_CHANGES)
def test_a_module_that_never_changes_anything_says_so_by_its_name(name):
    assert name.endswith(READ_ONLY) or name.startswith(PROOFS) or name in OTHERS_WITHOUT_CHANGE


@pytest.mark.parametrize("name", [name for name in MODULES if name.endswith(READ_ONLY)])
def test_a_module_that_reads_never_reports_a_change_and_is_the_same_in_check_mode(name):
    assert name in NEVER_CHANGES
    assert documented(name)[0]["attributes"]["check_mode"]["support"] == "full"


@pytest.mark.parametrize("name", MODULES)
def test_facts_are_returned_by_what_is_named_so_and_by_nothing_else(name):
    assert ("ansible_facts" in documented(name)[1]) == name.endswith("_facts")
    assert ("ansible_facts" in source(name).partition("def ")[2]) == name.endswith("_facts")


def test_no_exception_is_left_without_a_module():
    assert set(OTHERS_WITHOUT_CHANGE) - set(NEVER_CHANGES) == set()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('return {"changed": False, "rows": []}', {False}),
        ('module.exit_json(changed=False)\nmodule.fail_json(msg="", changed=False)', {False}),
        ('result["changed"] = False', {False}),
        ('return {"changed": bool(rows)}', {True}),
        ('result["changed"] = True', {True}),
        ("module.exit_json(changed=bool(rows))", {True}),
        ("return changes_result(rows)", {True}),
        ('return {"rows": []}', set()),
    ],
)
def test_changes_are_seen_in_every_form(source, said):
    assert changes(source.replace("return", "result =")) == said
