# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module's name begins with what it is about, so that modules of one subject stand together in every list.

A prefix is the first word of the name, up to the underscore. It means a subject of the cloud: a product or one of its parts
(``etcd_``, ``ovn_``), a thing that the collection declares (``container_``, ``node_``), or the place where the module works (``host_``,
``lab_``). ``verify_`` and ``validate_`` are no subjects: such a module changes nothing that lasts and fails when something does not hold,
``verify_`` in the running cloud and ``validate_`` in the inventory. A name of one word is a subject as a whole.
"""

from __future__ import annotations

from pathlib import Path

import pytest

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
