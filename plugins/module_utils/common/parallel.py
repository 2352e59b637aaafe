# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs calls concurrently, in threads. None is abandoned when another fails: what a module reports then is what will stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_all(calls: Iterable[Callable[[], T]], limit: int | None = None) -> list[T]:
    """Run calls in threads, at most ``limit`` at a time (by default all), and return their results in the order of the calls.

    Every call is run and waited for, also after a failure; then the failure of the first in the order of the calls is raised.
    """
    calls = list(calls)
    if not calls:
        return []
    with ThreadPoolExecutor(limit or len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
    return [future.result() for future in futures]
