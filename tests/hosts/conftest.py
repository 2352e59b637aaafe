# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at the hosts of a running cloud over ssh, with testinfra.

A test that takes ``host`` runs once on every host, or on those of a group with ``@pytest.mark.group("etcd")``.
A failing test prints the journal of the units that it names with ``@pytest.mark.unit("chrony")``.
"""

from __future__ import annotations

from functools import cache

import pytest
import testinfra
from cloud_under_test import LAB_STATE, SHARED, groups

JOURNAL_LINES = 30


@cache
def connect(name: str) -> testinfra.host.Host:
    """Return the host of that name in the inventory, reached as the lab reaches it."""
    return testinfra.get_host(f"ssh://{name}?ssh_config={LAB_STATE}/ssh/config", ssh_extra_args=" ".join(SHARED))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "group(name): run on the hosts of this group instead of all")
    config.addinivalue_line("markers", "unit(name): print this unit's journal when the test fails")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "host" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("group")
        metafunc.parametrize("host", groups()[marker.args[0] if marker else "all"], indirect=True)


@pytest.fixture
def host(request: pytest.FixtureRequest) -> testinfra.host.Host:
    return connect(request.param)


@pytest.fixture
def neighbour(request: pytest.FixtureRequest) -> testinfra.host.Host:
    """Another host than the one under test."""
    name = request.node.callspec.params["host"]
    return connect(next(other for other in groups()["all"] if other != name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.when == "call" and report.failed and "host" in item.funcargs:
        for marker in item.iter_markers("unit"):
            command = "journalctl --no-pager --output=short-iso --lines=%s --unit=%s"
            try:
                text = item.funcargs["host"].run(command, str(JOURNAL_LINES), marker.args[0]).stdout
            except RuntimeError as error:  # testinfra's word for an ssh connection that did not come about
                text = f"the host does not answer: {error}"
            report.sections.append((f"journal of {marker.args[0]}", text))
    return report
