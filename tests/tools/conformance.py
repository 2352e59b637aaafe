#!/usr/bin/env python3
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs Kubernetes' own tests against a converged lab and prints what passed. Fails when one fails that is not expected to.

What the lab cannot pass stands with its reason in conformance_expected.yml and docs/conformance.md. Whole reports: .cache/conformance.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

os.environ["HONEYCOMB_INVENTORY"] = os.environ.get("HONEYCOMB_INVENTORY", "inventories/lab")
os.environ["HONEYCOMB_LAB_STATE"] = os.environ.get("HONEYCOMB_LAB_STATE", "/var/lib/honeycomb/labs/hc")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins"))

from cloud_under_test import INVENTORY, REPOSITORY, templated

EXPECTED = Path(__file__).parent / "conformance_expected.yml"
REPORTS = REPOSITORY / ".cache/conformance"
# Suites by name: what the names of their tests have, and what they must not have.
SUITES = {
    "conformance": (r"\[Conformance\]", r"\[Serial\]|\[Disruptive\]|\[Slow\]"),
    "conformance-serial": (r"\[Conformance\].*\[Serial\]|\[Serial\].*\[Conformance\]", r"\[Disruptive\]"),
    "network-policy": (r"Netpol", r"SCTP|\[Serial\]|\[Disruptive\]|\[Feature:SCTPConnectivity\]"),
}


@dataclass(frozen=True)
class Result:
    """How one test ended: passed, failed or skipped; ``message`` is the first line of what a failed one said."""

    name: str
    status: str
    seconds: float
    message: str = ""

    @property
    def group(self) -> str:
        """The special interest group whose test it is, such as sig-network."""
        found = re.search(r"\[(sig-[\w-]+)\]", self.name)
        return found[1] if found else "others"


def read(text: str) -> list[Result]:
    """Return the results of a JUnit report; tests that were not selected are left out, and so is what is no test."""
    results = []
    for case in xml.fromstring(text).iter("testcase"):  # noqa: S314 our own test's report
        name = case.get("name", "")
        if not name.startswith("[It]"):
            continue
        failed = next((case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None)
        skipped = case.find("skipped")
        if skipped is not None and not skipped.get("message", "").startswith("skipped - "):
            continue
        status = "failed" if failed is not None else "skipped" if skipped is not None else "passed"
        message = (failed.get("message") or failed.text or "").strip().splitlines()[:1] if failed is not None else []
        results.append(Result(name.removeprefix("[It] "), status, float(case.get("time", 0)), "".join(message)))
    return results


def unexpected(results: list[Result], expected: dict[str, str]) -> list[Result]:
    """Return the tests that failed and are not among those whose failure is explained; ``expected``: part of a name -> reason."""
    return [one for one in results if one.status == "failed" and not any(part in one.name for part in expected)]


def table(results: list[Result]) -> str:
    """Return how many tests of each group passed, failed and were skipped."""
    rows = []
    for group in [*sorted({one.group for one in results}), "all"]:
        counts = Counter(one.status for one in results if group in (one.group, "all"))
        seconds = sum(one.seconds for one in results if group in (one.group, "all"))
        rows.append(f"{group:24}{counts['passed']:8}{counts['failed']:8}{counts['skipped']:9}{seconds:9.0f}")
    return "\n".join([f"{'':24}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}", *rows])


def programs() -> dict[str, str]:
    """Return the paths of the programs that playbooks/lab/conformance.yml built."""
    manifest = Path(str(templated("lab_cache_dir"))) / "artifacts/conformance/manifest.json"
    return {name: entry["url"].removeprefix("file://") for name, entry in json.loads(manifest.read_text()).items()}


def run(suite: str, focus: str, skip: str, procs: int, timeout: str) -> list[Result]:
    """Run the tests whose names match ``focus`` and not ``skip``, ``procs`` at a time; return how they ended."""
    subprocess.run(["ansible-playbook", "-i", INVENTORY, "playbooks/lab/conformance.yml"], cwd=REPOSITORY, check=True)
    path, state = programs(), templated("cloud_state_dir")
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{suite}.xml"
    report.unlink(missing_ok=True)
    selection = [f"--focus={focus}", *([f"--skip={skip}"] if skip else [])]
    ginkgo = [path["ginkgo"], f"--procs={procs}", f"--timeout={timeout}", "--no-color", "--silence-skips", "--keep-going", *selection]
    reports = [f"--output-dir={REPORTS}", f"--junit-report={report.name}"]
    cluster = ["--provider=skeleton", f"--kubeconfig={state}/kubeconfig/admin.conf", "--disable-log-dump", "--allowed-not-ready-nodes=0"]
    with (REPORTS / f"{suite}.log").open("w") as log:
        command = [*ginkgo, *reports, path["e2e.test"], "--", *cluster]
        subprocess.run(command, cwd=REPORTS, stdout=log, stderr=subprocess.STDOUT, check=False)
    if not report.exists():
        raise SystemExit(f"The tests did not begin or did not end; {REPORTS / suite}.log says why")
    return read(report.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", nargs="?", default="conformance", choices=SUITES, help="which tests (conformance)")
    parser.add_argument("--focus", help="only tests whose names match this regular expression too")
    parser.add_argument("--procs", type=int, default=4, help="how many at a time (4)")
    parser.add_argument("--timeout", default="3h", help="when to give up (3h)")
    options = parser.parse_args()
    focus, skip = SUITES[options.suite]
    procs = 1 if options.suite.endswith("serial") else options.procs
    results = run(options.suite, options.focus or focus, skip, procs, options.timeout)
    expected = yaml.safe_load(EXPECTED.read_text()) or {}
    failed = unexpected(results, expected)
    print(table(results))
    for one in results:
        if one.status == "failed":
            reason = next((text for part, text in expected.items() if part in one.name), "NOT EXPECTED")
            print(f"failed: {one.name}: {reason}\n        {one.message}")
    if not any(one.status == "passed" for one in results):
        raise SystemExit("No test passed: was any selected?")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
