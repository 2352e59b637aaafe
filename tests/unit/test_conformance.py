"""How the results of Kubernetes' own tests are read."""

from __future__ import annotations

import conformance
from conformance import Result

REPORT = """<testsuites><testsuite>
<testcase name="[SynchronizedBeforeSuite]" time="1"/>
<testcase name="[It] [sig-network] Services should serve [Conformance]" time="2.5"/>
<testcase name="[It] [sig-node] Pods resize [Conformance]" time="3"><failure message="timed out&#10;more">body</failure></testcase>
<testcase name="[It] [sig-storage] needs a cloud" time="0.1"><skipped message="skipped - Only supported for providers [gce]"/></testcase>
<testcase name="[It] [sig-apps] was not selected" time="0"><skipped message="skipped"/></testcase>
</testsuite></testsuites>"""
RESIZE = Result("[sig-node] Pods resize [Conformance]", "failed", 3.0, "timed out")


def test_a_report_has_what_ran_and_not_what_was_left_out():
    served, resized, skipped = conformance.read(REPORT)
    assert served == Result("[sig-network] Services should serve [Conformance]", "passed", 2.5)
    assert resized == RESIZE
    assert (skipped.status, skipped.group) == ("skipped", "sig-storage")


def test_a_failure_is_expected_only_where_its_reason_is_written_down():
    results = conformance.read(REPORT)
    assert conformance.unexpected(results, {"Pods resize": "no cgroup controllers"}) == []
    assert conformance.unexpected(results, {"Pods are resized": "no cgroup controllers"}) == [RESIZE]


def test_the_table_counts_by_group_and_in_all():
    lines = conformance.table(conformance.read(REPORT)).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["sig-network", "1", "0", "0", "2"],
        ["sig-node", "0", "1", "0", "3"],
        ["sig-storage", "0", "0", "1", "0"],
        ["all", "1", "1", "1", "6"],
    ]
