"""What every folder of tests shares: the lab's hosts and secrets, and what is kept of a long run.

Failures are kept, so that ``tests/tools/timed`` can show them as the last thing; and where the time went, for ``tests/tools/scenarios.py``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

# What tests on a lab share, and the tools that have tests. Here and not in pytest.ini, which ansible-test does not read.
sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("plugins", "tools")]

from cloud_under_test import SPENT, Hosts, Secrets, variables  # noqa: E402

CACHE = Path(__file__).resolve().parents[1] / ".cache"
FAILURES = CACHE / "failures.txt"
TIMES = CACHE / "times.json"
LINES = 60  # the end of a failure has the assertion


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        CACHE.mkdir(exist_ok=True)
        text = "\n".join(str(report.longrepr).splitlines()[-LINES:])
        with FAILURES.open("a") as file:
            file.write(f"{item.nodeid} ({report.when})\n{text}\n\n")
    return report


def pytest_sessionstart(session):
    session.started_at = time.monotonic()
    session.slowest = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    start = time.monotonic()
    result = yield
    item.session.slowest.append((time.monotonic() - start, item.nodeid))
    return result


def pytest_sessionfinish(session):
    CACHE.mkdir(exist_ok=True)
    times = {"total": time.monotonic() - session.started_at, **SPENT, "slowest": sorted(session.slowest, reverse=True)[:5]}
    TIMES.write_text(json.dumps(times))


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    return Hosts()


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    return Secrets.read()


@pytest.fixture(scope="session", name="variables")
def inventory_variables() -> dict:
    return variables()
