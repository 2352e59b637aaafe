# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Code of this collection that hosts run without Ansible."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

MODULE_UTILS = Path(__file__).resolve().parents[1] / "module_utils"
PACKAGE = "ansible_collections/honeycomb/cloud/plugins/module_utils"


def host_code(names: Iterable[str], library: str) -> list[dict[str, str]]:
    """Return files of module_utils as module service takes them, below ``library`` with the names by which they are imported."""
    return [{"path": f"{library}/{PACKAGE}/{name}", "content": (MODULE_UTILS / name).read_text()} for name in names]


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict:
        """Return name -> function."""
        return {"host_code": host_code}
