# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call at a time for each volume or name: the specification wants a second one to be told so instead of to wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal


class Busy:
    """What calls are working on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Work on ``name`` alone. Raises Refusal while another call does."""
        with self._lock:
            if name in self._names:
                raise Refusal("ABORTED", f"another call works on {name} still")
            self._names.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._names.discard(name)
