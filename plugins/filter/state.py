# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What playbooks derive from the copies of the state that hosts keep. The logic is in module_utils/state/archive.py."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import archive


def newest_state_copy(hosts: list[str], hostvars: Mapping, name: str = "") -> dict[str, str | int]:
    """Return name and host of the newest copy, or of the one with that name, and the newest generation that a host has seen.

    Name and host are empty when there is no copy. Hosts that were not asked have none.
    Raises AnsibleFilterError when two copies of the newest generation differ.
    """
    facts = {host: hostvars[host].get("honeycomb_host") for host in hosts}
    copies = {host: fact["cloud"]["copies"] for host, fact in facts.items() if fact}
    try:
        name = name or archive.newest(name for names in copies.values() for name in names)
    except CloudError as error:
        raise AnsibleFilterError(f"{error.message}. {error.hint}") from error
    seen = max((fact["cloud"]["generation"] for fact in facts.values() if fact), default=0)
    return {"name": name, "host": next((host for host, names in copies.items() if name in names), ""), "seen": seen}


class FilterModule:
    """Filters of the subject state."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"newest_state_copy": newest_state_copy}
