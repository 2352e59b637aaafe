"""What every folder of tests shares: the failures of a long run are kept, so that ``tests/tools/timed`` can show them as the last thing."""

from __future__ import annotations

from pathlib import Path

import pytest

FAILURES = Path(__file__).resolve().parents[1] / ".cache/failures.txt"
LINES = 60  # the end of a failure has the assertion


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        FAILURES.parent.mkdir(exist_ok=True)
        text = "\n".join(str(report.longrepr).splitlines()[-LINES:])
        with FAILURES.open("a") as file:
            file.write(f"{item.nodeid} ({report.when})\n{text}\n\n")
    return report
