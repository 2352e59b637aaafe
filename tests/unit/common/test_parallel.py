# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls that run concurrently: order of results, failures, and how many at a time."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all

SECONDS = 10  # after which a call that waits for another gives up


def fail(message: str) -> None:
    raise CloudError(message)


def test_results_are_in_the_order_of_the_calls():
    last = threading.Event()

    def first() -> str:
        assert last.wait(SECONDS)
        return "first"

    def second() -> str:
        last.set()
        return "second"

    assert run_all(call for call in (first, second)) == ["first", "second"]


@pytest.mark.parametrize("limit", [None, 1, 8])
def test_nothing_to_run_is_no_error(limit):
    assert run_all([], limit) == []


@pytest.mark.parametrize("limit", [None, 1])
def test_all_calls_end_before_the_failure_of_the_first_is_raised(limit):
    ended = []
    calls = [lambda: ended.append(1), lambda: fail("two"), lambda: fail("three"), lambda: ended.append(4)]
    with pytest.raises(CloudError, match="two"):
        run_all(calls, limit)
    assert sorted(ended) == [1, 4]


def test_all_run_at_once_without_a_limit():
    barrier = threading.Barrier(40)
    assert len(run_all([lambda: barrier.wait(SECONDS)] * 40)) == 40


def test_no_more_than_the_limit_run_at_once():
    lock, running, most = threading.Lock(), 0, 0
    pause = threading.Event()

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pause.wait(0.01)
        with lock:
            running -= 1

    run_all([call] * 12, 3)
    assert most <= 3
