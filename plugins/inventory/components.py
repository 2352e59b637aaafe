# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups for the components of the collection, by the kinds of hosts on which they say that they usually run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: components
short_description: Place every component on its usual hosts
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description:
  - Makes the group of each component of the collection and puts the groups of hosts into it that its C(meta/component.yml) names under
    C(placement), for example V(control) into V(etcd).
  - A group that another source of the inventory defines stays as that says. Name the file so that it is read after those sources.
options:
  plugin:
    description: Always V(honeycomb.cloud.components).
    required: true
    choices: [honeycomb.cloud.components]
  skip:
    description: Groups that are not made.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
# inventories/mine/services.yml
plugin: honeycomb.cloud.components
skip: [iscsi_target]
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import component_files

ROLES = Path(__file__).resolve().parents[2] / "roles"


class InventoryModule(BaseInventoryPlugin):
    """See DOCUMENTATION."""

    NAME = "honeycomb.cloud.components"

    def verify_file(self, path: str) -> bool:
        """Say whether the file may be one of this plugin's; what is in it decides."""
        return super().verify_file(path) and path.endswith((".yml", ".yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the groups. Raises AnsibleParserError for a component file that is not as it must be."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            # Not into the loader's cache: whoever reads the files later wants their templates to be worked out.
            known = component_files.groups(component_files.load(ROLES, lambda file: loader.load_from_file(file, cache="none")).values())
        except CloudError as error:
            raise AnsibleParserError(error.message) from error
        present = set(inventory.groups)
        for name, options in known.items():
            if name in present or name in self.get_option("skip"):
                continue
            children = [group for group in options["placement"] if group in present]
            if children:
                inventory.add_group(name)
            for group in children:
                inventory.add_child(name, group)
