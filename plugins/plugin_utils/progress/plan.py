# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many steps a run will have: counted beforehand as the strategy will run them, corrected as included files become known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Batch:
    """A play as it will run on one batch of its hosts. ``steps`` are what identifies its tasks, ``hosts`` those of all batches."""

    play: str
    steps: frozenset[str] = frozenset()
    hosts: int = 0


@dataclass
class Plan:
    """The batches of all plays in order, and which of them runs. ``grown``: steps that only appeared while running."""

    batches: list[Batch] = field(default_factory=list)
    position: int = -1
    grown: int = 0

    @property
    def total(self) -> int:
        """Steps of the whole run, as far as they are known."""
        return sum(len(batch.steps) for batch in self.batches) + self.grown

    def next(self, play: str) -> tuple[frozenset[str], int, int]:
        """Go to the next batch of a play: its steps, how many hosts it has, and how many steps came before it.

        A play that was not counted has no steps and no hosts.
        """
        batch = Batch(play)
        for index in range(self.position + 1, len(self.batches)):
            if self.batches[index].play == play:
                self.position, batch = index, self.batches[index]
                break
        before = sum(len(earlier.steps) for earlier in self.batches[: max(0, self.position)]) + self.grown
        number = sum(1 for one in self.batches if one.play == play) or 1
        return batch.steps, -(-batch.hosts // number), before


def batches(serial: Any, hosts: int) -> int:
    """How many batches ``serial`` makes of ``hosts`` hosts: the way PlaybookExecutor counts them."""
    sizes = list(serial) if isinstance(serial, (list, tuple)) else [serial]
    sizes, left, number = sizes or [-1], hosts, 0
    while left > 0:
        size = sizes[min(number, len(sizes) - 1)]
        size = int(int(size[:-1]) / 100.0 * hosts) or 1 if isinstance(size, str) and size.endswith("%") else int(size or 0)
        if size <= 0:
            return number + 1
        left, number = left - size, number + 1
    return max(1, number)


def main_tasks(block: Any) -> Iterator[Any]:
    """The tasks of a block in order, without those of a rescue: they run only when something fails."""
    for item in [*block.block, *block.always]:
        if hasattr(item, "always"):
            yield from main_tasks(item)
        else:
            yield item


def gathering(play: str) -> str:
    """What stands in a plan for the gathering of facts, whose task is only made when the play starts."""
    return f"facts of {play}"
